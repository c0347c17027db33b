//! Requirements of RFC 8895 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc8895"

    s5_1 "5.1":
        1 def NAME_FIRST
            "Each update message is one SSE event whose `event` field gives the encoding and precedes its `data`";
        2 def NAME "The `event` value is the media type, followed for data updates by one comma and the data-id";
        3 def NO_ID "Update messages carry no SSE `id` field";
    s5_2 "5.2":
        1 def FULL "A full replacement uses the resource's own media type and its complete encoding";
        2 def PATCH "An incremental change is a merge patch or a JSON patch, labelled with the matching media type";
        4 def SUBSTREAM_ID "A substream-id has the ResourceID format (≤ 64 characters, restricted alphabet)";
        5 def DATA_ID "For a single-object resource the data-id is exactly the substream-id";
    s5_3 "5.3":
        1 def CONTROL_FORM
            "Control messages use `application/alto-updatestreamcontrol+json`, no data-id, and the members of the RFC";
        2 must ONCE "The message with `control-uri` is the first event and is sent once";
        3 def NULL_URI
            "A `null` control URI says that this stream has no stream control; any other value works as a control URI";
        4 def STARTED "`started` (≥ 1 id) announces that updates for the listed substreams will begin";
        5 def STOPPED "`stopped` (≥ 1 id) announces that no more data updates come for the listed substreams";
        6 should DESCRIPTION "A stop is accompanied by a `description` with details";
    s6 "6":
        2 must ENTRY "Such an IRD entry states media type, method (through `accepts`), capabilities and uses";
    s6_1 "6.1":
        1 def MEDIA_TYPE "The service's media type is `text/event-stream`";
    s6_2 "6.2":
        1 def POST "The service is requested with POST";
    s6_3 "6.3":
        1 def PATCH_TYPES
            "For each resource with patches there is an entry whose value is `application/merge-patch+json`, \
            `application/json-patch+json`, or both separated by a comma";
        2 def ANNOUNCED "Patches actually sent are of a type announced for that resource";
        3 must LIMITS
            "The limits of an encoding are taken into account: what follows from the updates is what the resource \
            gives";
        4 must NULL_JSON
            "When null and absent differ in meaning, JSON patch is used in preference to merge patch if JSON \
            patch is announced";
        5 def NULL_FULL "Without JSON patch, a change that a merge patch cannot express is sent as a full replacement";
        6 def HAS_CONTROL
            "`support-stream-control: true` means the streams of this service have stream control as specified here";
    s6_4 "6.4":
        1 must USES "`uses` is an array with every resource the service can update";
        2 must ALL_FULL "Every resource in `uses` can be sent as full replacement";
        4 should CLOSED "`uses` is closed under dependency (a cost map brings its network map)";
    s6_5 "6.5":
        5 must STALE_TAG "If the given tag is not current, a full replacement precedes any patch";
        9 must NO_PATCHES
            "No patch on a substream with `incremental-changes:false`; a full replacement is sent in its place";
        13 should IGNORED_REMOVE "`remove` in a stream request is ignored";
        14 must NO_STREAM "No stream is created when the request has any error";
    s6_6 "6.6":
        1 must ERRORS "Errors give 400 with an ALTO error body";
        2 must VALUE_FIELD "`value` never appears without `field`";
        3 must NEEDS_ADD "No `add` with at least one entry → code E_MISSING_FIELD";
        "3b" should NEEDS_ADD_FIELD "The error for a request without `add` names the field `add`";
        4 must NO_EVENT "A request without `add` gets no event";
        5 must RESOURCE "Unknown resource-id or one outside `uses` → E_INVALID_FIELD_VALUE";
        "5b" should RESOURCE_FIELD
            "The error for a resource-id has `add/<substream-id>/resource-id` as `field` and the ID as `value`";
        6 should ONE_OF_MANY "Of several bad resource-ids one is reported";
        7 must CLOSED_AFTER "After the error for a resource-id, the connection is closed without any event";
        8 must INPUT "Missing or invalid `input` gives the same error the resource itself gives";
        9 must ONE_INPUT "Of several bad inputs exactly one is reported, without any event";
        10 def OPENS "A valid request gets 200 and a stream of update messages";
        11 should ONLY_CHANGES "Updates are sent only when values change";
    s6_7_1 "6.7.1":
        1 must FIRST "The first event is a control message with `control-uri` (possibly null)";
        2 must FULL_FIRST "An `add` without tag is answered first with a full replacement";
        4 def TAG_OF_INPUT "For a POST-mode resource the tag used must stand for the result of that very input";
        5 must ORDER
            "If R1 depends on R0 and both are in the stream, R0's update is sent before the related update of R1";
        7 must ALL_STOPPED "A control event lists in `stopped` all substreams that were stopped";
    s6_7_2 "6.7.2":
        1 must SAME "Streams of one service with equal parameters get the same updates";
        4 must SAME_SERVICES "Those services deliver the same update for it";
    s6_8 "6.8":
        1 should KEEP_ALIVE "At least every 15 s a comment line or an event is sent";
    s7 "7":
        1 def NOT_LISTED "Control resources exist per stream and are never in the IRD";
    s7_1 "7.1":
        1 must BY_URI "The URI alone identifies the stream instance";
        2 must ONLY_BY_URI "Cookies, client address or other request properties do not select the stream";
        3 must NOT_REUSED "A control URI is not reused after its stream closed";
        6 should HTTPS "Https is used where the path may have an on-path attacker";
        7 should RANDOM "Control URIs are random enough to make guessing hard";
    s7_2 "7.2":
        1 def NO_BODY "A control response has no specific media type";
    s7_3 "7.3":
        1 def CONTROL_POST "Control is requested with POST";
    s7_5 "7.5":
        1 def PARAMETERS "Same media type and fields as the stream request, plus `remove`";
        2 def REMOVE_ALL "Empty `remove` means all active substreams: they are removed and the stream is closed";
        5 def ADDED "An added resource is treated as in the request that opens a stream";
        6 must ATOMIC "With any error nothing is added and nothing removed";
    s7_6 "7.6":
        1 must ADD_FIRST "`add` is processed before `remove`";
        2 must LAST "If everything active is removed and nothing added, the stream is closed";
        3 must CONTROL_ERRORS "Errors give 400 with an ALTO error body";
        4 must ADD_ERRORS "Errors in `add` are reported exactly as for the stream request";
        5 must NEVER_ADDED "`remove` of an id never added before → E_INVALID_FIELD_VALUE";
        "5b" should NEVER_ADDED_FIELD
            "The error for a substream that was never added has `remove` as `field` and the IDs as `value`";
        6 def SAME_REQUEST "Adding and removing the same id in one request is an error";
        7 def TWICE "Removing an id a second time is legal";
        8 must REMEMBERED "Used and closed ids are remembered for the life of the stream";
        9 must USED "`add` with an id used before (active or removed) → E_INVALID_FIELD_VALUE";
        "9b" should USED_FIELD
            "The error for a substream-id that was used before has `add` as `field` and the IDs as `value`";
        10 must ADD_AND_ALL "Non-empty `add` together with `remove: []` → E_INVALID_FIELD_VALUE";
        "10b" should ADD_AND_ALL_FIELD
            "The error for `add` together with `remove: []` has `remove` as `field` and an empty array as `value`";
        11 must GONE "A valid request for a closed stream → 404";
        12 def SUCCESS "Success is 202 or 204";
        13 def PROCESSED "204 is used only if the stream server has processed the request";
        14 def ANNOUNCEMENT "With 202 and 204 alike the outcome is also announced by control events";
    s9_2 "9.2":
        4 should TIMELY "Updates of dependent resources follow in a timely fashion";
    s9_3 "9.3":
        2 must SATISFIES "When a cost changes and the new value satisfies the test, an update is sent";
        3 should OUTSIDE "No update if neither old nor new value satisfies it";
        4 must LEAVES
            "If the old value satisfied it and the new one does not, an update with null for that entry is sent";
    s9_4 "9.4":
        1 def ORDINAL "In ordinal mode one change may change many values";
    s9_5 "9.5":
        2 should LINES "`data` lines are limited in length";
        3 must JOINED "No line break is introduced that changes the meaning";
    s10_1 "10.1":
        3 should REFUSAL "These refusals use 503";
    s10_3 "10.3":
        1 def ECHOED "Removals are echoed on the stream so that a client sees foreign ones";
    s11 "11":
        1 def ONE_RESOURCE "Each data update concerns one resource; patches only single JSON objects";
        2 must NO_FIELDS "A data message contains no line beginning with `event: ` or `data: ` of its own";
    s13 "13":
        1 def NO_RESTART "There is no restart by event id; reconnecting means a new request with tags";

    @not_observable
        "5.2/6" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "5.2/7" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "5.2/8" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "6/1" "is a permission; nothing can violate it";
        "6.4/5" "is a permission; nothing can violate it";
        "6.5/6" "is a permission; nothing can violate it";
        "6.5/7" "is a permission; nothing can violate it";
        "6.5/11" "is a permission; nothing can violate it";
        "6.7.1/3" "is a permission; nothing can violate it";
        "6.7.2/2" "is a permission; nothing can violate it";
        "6.7.2/3" "is a permission; nothing can violate it";
        "6.7.3/1" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "6.7.3/2" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "6.7.3/3" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "6.7.3/4" "concerns multipart resources (RFC 9275), which this suite does not grade";
        "7.1/5" "is a permission; nothing can violate it";
        "7.1/8" "concerns what the server notices, which shows in its log and its metrics";
        "9.1/1" "is a choice of the server, which states no bound that could be held against it";
        "9.1/2" "is advice on a choice between forms that are both permitted";
        "10.1/1" "the limit is a choice of the server; to reach it, the suite would have to overload the server";
        "10.1/2" "the limit is a choice of the server, which may be higher than any number of substreams that the suite asks for";
        "10.1/4" "is a permission; nothing can violate it";
        "10.1/5" "is a permission; nothing can violate it";
        "10.3/2" "encryption is a decision of operators; TLS is graded by rfc7285/8.3.5 and rfc7285/15.1.2";
}
