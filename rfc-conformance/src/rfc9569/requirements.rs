//! Requirements of RFC 9569 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9569"

    s3_1 "3.1":
        1 def CONSECUTIVE "Versions are numbered by integers that grow by exactly 1; 0 stands for the empty state";
        2 def TAGS "Each version has a tag in RFC 7285 format, meaningful within its resource";
        3 def EDGES "Edge i→j turns version i into version j";
        4 def PATHS "Content does not depend on the path taken";
    s3_2 "3.2":
        1 must CONTINUITY "Continuity: all versions from start-seq to end-seq exist, hence every edge k→k+1 inside";
        2 must FEASIBILITY "Feasibility: there is a snapshot of start-seq";
        3 must RIGHT_SHIFT "Right shift only: start-seq and end-seq never decrease";
        4 def NEW_NODES "New nodes get end-seq + 1";
        5 def COMPACTION "Compaction may only move start-seq to a version that has a snapshot";
    s4_1 "4.1":
        1 def OPENS "Opening returns the view's URI and a summary with start-seq, end-seq and a recommended edge";
        2 def HELD "A request for the next, not yet existing edge is held until it exists";
    s4_2 "4.2":
        1 def LOCATION "Update items live at `<tips-view-uri>/ug/<i>/<j>`, decimal numbers";
        3 def READ_ONLY "Update items are read-only, fetched with GET";
    s5 "5":
        1 must ENTRY "The IRD entry has `media-type`, `capabilities` and `uses` as specified";
    s5_1 "5.1":
        1 def MEDIA_TYPE "Media type `application/alto-tips+json`";
    s5_2 "5.2":
        1 def KEYS
            "`incremental-change-media-types` has an entry, keyed by resource ID, for each resource with \
            incremental updates";
        2 must VALUES "Its value is one of the three strings of 1.3";
        3 must LIMITS "Limits of an encoding are considered when choosing it";
        4 must NULL_JSON "If null and undefined differ and both types are supported, JSON patch is used";
    s5_3 "5.3":
        1 must USES "`uses` lists every resource the TIPS serves";
        3 should CLOSED "The set is closed under dependency";
    s6_2 "6.2":
        1 must VIEW "A valid request is answered with AddTIPSResponse as `application/alto-tips+json`";
        2 must ABSOLUTE
            "`tips-view-uri` is absolute, scheme http or https, host, optional port, path; no other components";
        3 should HTTPS "Https, unless the view is meant to be public and harmless";
        4 must ASCII "Only ASCII; an internationalized URL is encoded by the server";
        5 must DISTINCT "One URI never serves different views (other resource or other request body)";
        6 should SHARED
            "Properties outside the request body (cookies, address) do not determine the URI, except for wanted \
            isolation";
        7 def NUMBERS "Sequence fields are JSON numbers, integers, 1 ≤ start ≤ end, 0 ≤ seq-i < seq-j";
        8 must LATEST "Without tag the latest available snapshot edge is recommended";
        9 must WITH_TAG
            "With a tag either the first incremental edge from that version or the latest snapshot edge is recommended";
        11 must ERRORS "Any error → 400 with an ALTO error body";
        12 must VALUE_FIELD "`value` only together with `field`";
        13 must MISSING "No `resource-id` → E_MISSING_FIELD; `field`, if given, is `resource-id`; no view is created";
        14 must INVALID
            "Invalid or foreign `resource-id` → E_INVALID_FIELD_VALUE; `field`, if given, is its path; `value` \
            equals the id sent";
        15 must INPUT "Missing or invalid `input` of a POST-mode resource → the same error that resource returns";
        18 should STREAM "ALTO/SSE (RFC 8895) is offered for the TIPS resource";
    s7_1 "7.1":
        1 must EDGE_TYPE "The item's media type is the one belonging to that edge";
    s7_2 "7.2":
        1 def FORMAT "An existing item is a JSON document in the format its media type names";
        4 should POLL "At least end→end+1 can be long-polled";
        5 must PROCESSING
            "Processing: item exists → content; else long poll acceptable → hold until ready or interrupted; else \
            error";
        6 should NO_EDGE "404 for a non-existing edge, unknown or closed view";
        7 should GONE "410 when a sequence number lies below start-seq";
        8 should UNACCEPTABLE "415 when `Accept` excludes the item's type";
        9 should TOO_EARLY "425 beyond the long-poll window";
        11 should ERROR_BODY "These errors carry `application/alto-error+json`";
        12 def INDEPENDENT "Concurrent requests for different items of a view are served independently";
    s7_4_2 "7.4.2":
        1 must RECOMMENDATION "The answer is a merge patch for AddTIPSResponse, type `application/merge-patch+json`";
        2 must SUMMARY "It contains `tips-view-summary` and in it `updates-graph-summary`";
        3 must LOOKED_UP "A given tag is looked up among the versions from start-seq to end-seq";
        4 must CHEAPER "If found, the cheaper of the paths from that version and from 0 to end-seq is chosen";
        6 must FIRST_EDGE "The first edge of the chosen path is returned";
        7 must WITHOUT_TAG "Without tag the start is version 0";
        8 should UNKNOWN "Unknown or closed view → 404 with ALTO error body";
    s8 "8":
        1 def LIKE_STREAMS
            "Choice of update messages, client processing, filtered maps and ordinal maps follow RFC 8895 § 9.1–9.4";
    s8_1 "8.1":
        2 def ANY_CONNECTION "A view is reachable consistently over any connection";
    s8_3 "8.3":
        1 def REOPENED
            "Views of common resources may be shared, per client, or permanent; a client sees one per resource";
    sa "A":
        1 def ONE_HOST
            "All graph and data URIs of a view are on the view's host (designs 1 and 3); the frontend may be elsewhere";

    @not_observable
        "4.1/3" "is a permission; nothing can violate it";
        "4.1/4" "a server closes views when it likes; an unknown view is graded by rfc9569/7.2/6";
        "4.1/5" "the time for which views are kept is a choice of the server";
        "5.3/2" "is a permission; nothing can violate it";
        "6.1/5" "is a permission; nothing can violate it";
        "6.2/10" "is a permission; nothing can violate it";
        "6.2/16" "the limit is a choice of the server; to reach it, the suite would have to overload the server";
        "6.2/17" "is a permission; nothing can violate it";
        "7.2/10" "the limit is a choice of the server; to reach it, the suite would have to overload the server";
        "7.4.2/5" "is a permission; nothing can violate it";
        "8.1/1" "is a permission; nothing can violate it";
        "8.1/3" "is a permission; nothing can violate it";
        "8.4/1" "is a permission; nothing can violate it";
        "9/1" "is a decision of operators; TLS is graded by rfc7285/8.3.5 and rfc7285/15.1.2";
        "9/2" "repeats RFC 7285, which is graded itself";
        "9.1/1" "is a permission; nothing can violate it";
        "9.1/2" "is a permission; nothing can violate it";
        "9.1/3" "is a permission; nothing can violate it";
        "B/1" "all requests of the suite use HTTP/1.1";
}
