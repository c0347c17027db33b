//! Requirements of RFC 7285 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc7285"

    s6_1 "6.1":
        1 must DISTINCT "No two cost maps are defined for the same cost type and network map";
    s6_1_1_1 "6.1.1.1":
        1 must ROUTINGCOST "The cost metric `routingcost` is offered";
        2 def LOWER "A lower `routingcost` is more preferred: ranks never contradict it";
    s6_1_2 "6.1.2":
        1 must BASIC_MODE "At least one of the modes `numerical` and `ordinal` is offered";
    s6_1_2_1 "6.1.2.1":
        1 def NUMERICAL "Costs in mode `numerical` are JSON numbers";
    s6_1_2_2 "6.1.2.2":
        1 def ORDINAL "Costs in mode `ordinal` are integers, none negative";
        3 def RANKING "Ordinal costs rank the costs, lower is preferred";
    s6_2 "6.2":
        1 def DEFINED_PAIRS "Every pair asked for that has a cost is answered, others may be absent";
        2 def RANKS_WITHIN "Ranks are in the order of the costs within the answer they stand in";
    s6_3 "6.3":
        1 def SAME_TAG "A cost map carries the version tag that its network map has";
        2 must CHANGES "The tag changes whenever the content of the network map changes";
        3 def SAME "The same version tag means the same map";
    s7_1_1 "7.1.1":
        1 must PID_PROPERTY "The property `pid` is defined for every network map";
        2 def PID_VALUE "The `pid` of an address is that of the longest prefix of the network map that covers it";
    s8_2 "8.2":
        1 def CASE "Names of members are case-sensitive";
        2 def SCHEMA "Every member that is not optional is there, and has the type it is defined with";
        3 def BOUNDS "Arrays with fewer elements than they must have are refused";
        4 def ORDER "The order of members and white space between them mean nothing";
        5 def DUPLICATES "No object of an answer has two members of the same name";
        6 def UTF8 "Answers are UTF-8 without a byte order mark";
        7 def ESCAPES "Names and strings are compared after their escapes are undone";
        9 def NULL "null is a value of the wrong type, not an absent one";
    s8_3 "8.3":
        2 must HOST "A request without Host, with two or with a broken one is refused with 400";
        3 must CHUNKED "Bodies in chunks are understood";
        4 must ABSOLUTE "Request targets in absolute form are accepted";
        5 must FIELD_NAMES "Names of header fields are case-insensitive; a blank before the colon is refused with 400";
        6 must LENGTH
            "A broken or contradictory Content-Length is refused with 400, an unknown transfer coding with 501";
        7 must PERSISTENT
            "Connections persist, answers say where they end, and requests sent together are answered in order";
        9 def HEAD "HEAD gives what GET gives, without the body";
        10 def ALLOW "A method that a resource has not is refused with 405 and `Allow` listing those it has";
        11 def BREW "A method that nobody knows is refused with 501 or 405";
        12 def MEDIA_TYPE "A body of another media type is refused with 415";
        13 def TYPE_TEXT "Media types are compared without regard to case, and parameters are tolerated";
        14 def NEGOTIATION "Whatever form of Accept admits the resource's type gets the resource";
        15 def EXPECT "`Expect: 100-continue` is answered before the body is sent";
        16 def NOT_FOUND "An unknown path is 404";
        17 def SPECIFIC "Answers have their own media types, never application/json";
    s8_3_2 "8.3.2":
        1 def GET_PLAIN "Resources without input are served by GET";
    s8_3_3 "8.3.3":
        1 def THREE_WAYS "What is answered with 200 is the resource or a directory that leads to it";
        2 may CACHING "Validators, where they are given, work: 304 without a body for what is known";
        3 may SEE_OTHER "A POST answered with 303 leads to the same answer by GET";
        4 must CONTENT_TYPE "Every answer with a body states its media type in Content-Type";
    s8_3_4_2 "8.3.4.2":
        2 may LISTS_DIRECTORY "That a client also accepts directories does not keep the resource from it";
    s8_3_5 "8.3.5":
        1 must HTTPS "The https scheme and TLS are supported";
        2 must DIGEST
            "Where clients are authenticated, HTTP Digest is supported, and only right credentials are let in";
    s8_3_7 "8.3.7":
        1 must UNKNOWN "Unknown members are ignored, wherever they stand in a request";
    s8_4 "8.4":
        1 def META "Every answer has an object member `meta`";
    s8_4_1 "8.4.1":
        1 def OPEN_META "`meta` is an open map: a request's own `meta` changes nothing";
    s8_4_2 "8.4.2":
        1 def DATA "The data is in the member named for the resource; none is named `data`";
    s8_5 "8.5":
        1 should BODY "Refusals carry an ALTO error where there is something to say";
        2 must STATUS "Errors have an HTTP status that says so: 4xx for what a client does wrong, never 2xx";
    s8_5_1 "8.5.1":
        1 def ERROR_TYPE "Errors have the media type application/alto-error+json";
    s8_5_2 "8.5.2":
        1 must CODE "Every error has `meta.code`";
        2 must KNOWN_CODE "`code` is a string from the registry of error codes";
        3 def SYNTAX "A body that is no JSON is refused with E_SYNTAX";
        4 may SYNTAX_TEXT "`syntax-error`, if present, is a string for people";
        5 def MISSING "A member that is missing is refused with E_MISSING_FIELD, naming it";
        6 may FIELD_TEXT "`field`, if present, is a string";
        7 def TYPE "A member of the wrong type is refused with E_INVALID_FIELD_TYPE, naming it";
        8 may TYPE_FIELD "`field` may name the member of the wrong type, and then names that one";
        9 def VALUE "A wrong value of the right type is refused with E_INVALID_FIELD_VALUE";
        10 may FIELD_AND_VALUE "`field` and `value` may say which value is wrong, and then say so";
        11 must VALUE_FIELD "With `value` there is `field`";
        12 must VALUE_TEXT "`value` is a string";
        13 must AS_TEXT "A wrong value that is no string is converted to one: 42 becomes \"42\"";
        14 def SUBFIELD "For a wrong value inside an object, `field` is the whole path and `value` the inner value";
        15 def ELEMENT "For a wrong element of an array, `field` is the array and `value` the element";
        16 def ELEMENT_TYPE "An element of the wrong type is refused with E_INVALID_FIELD_VALUE";
        17 must ONE "Of several faults in one request exactly one is reported";
    s8_5_3 "8.5.3":
        2 def RETRY_AFTER "`Retry-After`, if present, is a number of seconds or a date";
    s9_1_1 "9.1.1":
        1 must UNIQUE "A resource ID names one resource in the whole closure of directories";
    s9_1_3 "9.1.3":
        1 def CAPABILITIES "Every cost type of the capabilities can be asked for";
    s9_1_4 "9.1.4":
        1 def ACCEPTS "`accepts` is the media type that the body of a POST may have";
    s9_2 "9.2":
        1 must AVAILABLE "A directory is available by GET at the root URI";
    s9_2_1 "9.2.1":
        1 def MEDIA_TYPE "Directories have the media type application/alto-directory+json";
    s9_2_2 "9.2.2":
        1 def COST_TYPES "`meta.cost-types` maps names to cost types, for that directory alone";
        2 def COST_TYPE_NAMES "Every cost type name is defined in `meta.cost-types` of the same directory";
        3 must HAS_DEFAULT "The root directory has `meta.default-alto-network-map`";
        4 def DEFAULT_IS_MAP "The default network map is the ID of a full network map";
        5 def ENTRIES
            "Entries have strings `uri` and `media-type`, and `accepts`, `capabilities`, `uses` of the right types";
        6 must RELATIVE "Every `uri`, resolved against the URI of its directory, leads to something that answers";
        7 def NESTED "An entry whose media type is that of directories yields a directory";
        10 def OPTIONS "OPTIONS, by which clients may ask for capabilities, is answered or refused, not failed";
        11 def USES_KNOWN "`uses` names resources that are listed";
        12 should USES_NEEDED
            "`uses` has every resource that is needed to interpret this one: the network map its version tag names";
        13 must GET "An entry without `accepts` is served by GET";
        14 must POST "An entry with `accepts` is served by POST";
        15 must ONE_METHOD "A URI listed for one method gives no resource by the other";
        16 def SHARED "Entries that share a URI are told apart by method and Content-Type";
    s9_2_4 "9.2.4":
        1 def DELEGATED "Directories that others lead to can be read, and the closure has an end";
    s9_2_5_2 "9.2.5.2":
        1 def KINDS "Maps are either whole (no `accepts`) or filtered by the media type made for it";
    s10_1 "10.1":
        1 must PID_LENGTH "A PID name has at most 64 characters";
        2 must PID_ALPHABET "A PID name is made of [0-9A-Za-z:@_.-]";
        3 must PID_DOT "A PID name has no dot";
    s10_2 "10.2":
        1 def RESOURCE_ID "Resource IDs have the form of PID names: up to 64 of [0-9A-Za-z:@_-]";
    s10_3 "10.3":
        1 def KNOWN_ID "A version tag names, as `resource-id`, a network map that is listed";
        3 must TAG_LENGTH "A tag has at most 64 characters";
        4 must TAG_ALPHABET "A tag is made of U+0021 to U+007E";
        5 should COLLISIONS "Different contents have different tags, with high probability";
    s10_4 "10.4":
        1 def BY_VALUE "Addresses are compared by value: any spelling means the same endpoint";
    s10_4_1 "10.4.1":
        1 def TYPED_ADDRESS "Endpoints are typed addresses, `type:address`, and nothing else is taken";
    s10_4_2 "10.4.2":
        1 def ADDRESS_TYPE "An address type is made of [0-9A-Za-z]";
        2 must ADDRESS_TYPE_KNOWN "Address types are registered with IANA";
    s10_4_3_1 "10.4.3.1":
        1 def V4_TEXT "An IPv4 address is four numbers without leading zeros; anything else is refused";
    s10_4_3_2 "10.4.3.2":
        1 def CANONICAL "IPv6 addresses are written as RFC 5952 recommends";
        2 must V6_FORMS "Every form of IPv6 address of RFC 4291 is accepted";
    s10_4_4_1 "10.4.4.1":
        1 def V4_PREFIX "IPv4 prefixes are dotted quads with a length, host bits zero";
    s10_4_4_2 "10.4.4.2":
        1 def V6_PREFIX "IPv6 prefixes are addresses with a length, written as RFC 5952 §7 says";
    s10_4_5 "10.4.5":
        1 def GROUP "An endpoint address group is arrays of prefixes by address type";
    s10_6 "10.6":
        1 must METRIC_LENGTH "A cost metric has at most 32 characters";
        2 must METRIC_ALPHABET "A cost metric is made of [0-9A-Za-z:_.-]";
        3 must METRIC_DOT "A cost metric has no dot";
        4 must METRIC_KNOWN "A cost metric is registered or begins with `priv:`";
        5 must METRIC_PRIVATE "`priv:` of a metric is followed by a name";
    s10_7 "10.7":
        1 def COST_TYPE "A cost type has strings `cost-metric` and `cost-mode`";
        2 must DESCRIPTION "The description of a cost type, if present, is a string";
    s10_8_1 "10.8.1":
        1 must SPECIFIC "A resource-specific property is the ID of a resource, a dot, and a property name";
        2 def ONLY_PID "Resource-specific properties are `pid`, or begin with `priv:`";
    s10_8_2 "10.8.2":
        1 must PROPERTY_LENGTH "A property name has at most 32 characters";
        2 must PROPERTY_ALPHABET "A property name is made of [0-9A-Za-z:_-]";
        3 must PROPERTY_KNOWN "A property is registered or begins with `priv:`";
        4 must PROPERTY_PRIVATE "`priv:` of a property is followed by a name";
    s11_1 "11.1":
        1 def VTAGS "`meta.vtag` is a version tag and `meta.dependent-vtags` an array of them, wherever they stand";
    s11_2_1 "11.2.1":
        1 must NETWORK_MAP "At least one network map is provided";
    s11_2_1_1 "11.2.1.1":
        1 def MEDIA_TYPE "A network map has the media type application/alto-networkmap+json";
    s11_2_1_2 "11.2.1.2":
        1 def NETWORK_MAP "A network map takes no input, has no capabilities and uses nothing";
    s11_2_1_6 "11.2.1.6":
        1 must VTAG "A network map has `meta.vtag`";
        2 def OWN_ID "The version tag's `resource-id` is the map's own resource ID";
        3 def SHAPE "`network-map` is an object of endpoint address groups by PID";
        4 must ALL_PIDS "A network map has all PIDs that other resources know of it";
    s11_2_2 "11.2.2":
        1 must LONGEST "Addresses are mapped to PIDs by longest-prefix match over all prefixes";
        2 must COMPLETE "Every address of a type that the map has belongs to some PID";
        3 should SHORTEST "A map is completed by the shortest prefix: 0.0.0.0/0, ::/0";
        4 must OVERLAP "No two PIDs have the same prefix, whatever its spelling";
    s11_2_3 "11.2.3":
        1 must COST_MAP "A full cost map is provided for the metric `routingcost`";
    s11_2_3_1 "11.2.3.1":
        1 def MEDIA_TYPE "A cost map has the media type application/alto-costmap+json";
    s11_2_3_2 "11.2.3.2":
        1 def COST_MAP "A full cost map is fetched by GET, without input";
    s11_2_3_4 "11.2.3.4":
        1 must ONE_COST_TYPE "A full cost map has exactly one cost type name, which is defined";
    s11_2_3_5 "11.2.3.5":
        1 def USES_MAP "A full cost map uses exactly the network map it is defined on";
        2 must DISTINCT_AGAIN "No two cost maps for one cost type use the same network map";
    s11_2_3_6 "11.2.3.6":
        1 must DEPENDENT "`meta.dependent-vtags` has exactly the version tag of the network map that is used";
        2 must COST_TYPE "`meta.cost-type` is the cost type that the directory says";
        3 def SHAPE "`cost-map` is an object of objects: costs by source and destination";
        5 must ALL_DEFINED "A full cost map has every pair whose cost is defined";
        6 may OMITTED "Pairs without a defined cost are absent, never null or text";
        7 def KEYS "Sources and destinations are PIDs of the network map that is tagged";
    s11_3_1 "11.3.1":
        1 may PROVIDED "A filtered network map is provided";
    s11_3_1_1 "11.3.1.1":
        1 def FORMAT "A filtered network map is answered as a network map is";
    s11_3_1_2 "11.3.1.2":
        1 def BY_POST "A filtered network map takes application/alto-networkmapfilter+json by POST";
    s11_3_1_3 "11.3.1.3":
        1 def NETWORK_FILTER "A filtered network map needs `pids`; `address-types` is optional";
        2 must ALL_PIDS "An empty list `pids` stands for all PIDs";
        3 must REPEATED_PIDS "PIDs that are repeated count once";
        4 must ALL_TYPES "`address-types` absent or empty stands for all address types";
        5 must REPEATED_TYPES "Address types that are repeated count once";
    s11_3_1_5 "11.3.1.5":
        1 def FILTERED_MAP_USES "A filtered network map uses the network map it filters, and has no capabilities";
    s11_3_1_6 "11.3.1.6":
        1 must ONLY_PIDS "Only PIDs that were asked for are returned";
        2 must UNKNOWN_PIDS "Names that no PID has are treated as if they were not there";
        3 must ONLY_TYPES "Only address types that were asked for are listed";
        4 must UNKNOWN_TYPES "Address types nobody knows are treated as if they were not there";
        5 must FULL_TAG "`meta.vtag` is that of the full map, whatever the filter";
        6 def EVERYTHING "Each PID that was asked for is returned with all its prefixes";
    s11_3_2 "11.3.2":
        1 may PROVIDED "A filtered cost map is provided";
    s11_3_2_1 "11.3.2.1":
        1 def FORMAT "A filtered cost map is answered as a cost map is";
    s11_3_2_3 "11.3.2.3":
        1 def COST_FILTER "A filtered cost map needs `cost-type`";
        2 must MATCHING "Cost types that are announced are answered, others refused with E_INVALID_FIELD_VALUE";
        4 must DESCRIPTION "A description in a requested cost type is ignored";
        6 def SYNTAX "A constraint is gt, lt, ge, le or eq, a blank and a number; anything else is refused";
        8 should STORED "Values of constraints are stored in at least double precision";
        9 should COMPUTED "Constraints are computed with double precision";
        10 def CONJUNCTION "Several constraints must all hold";
        11 must EMPTY_LISTS "An empty list of sources or destinations stands for all PIDs";
        12 must REPEATED "PIDs that are repeated count once";
        13 must NO_PIDS "Without `pids` the whole cost map is asked for";
        14 def BOTH_LISTS "`pids` needs both `srcs` and `dsts`";
    s11_3_2_4 "11.3.2.4":
        1 def FILTERED_COSTS_NAMES "A filtered cost map has at least one cost type name";
        3 def CONSTRAINTS "With `cost-constraints` true, constraints are taken for every cost type";
    s11_3_2_5 "11.3.2.5":
        1 def FILTERED_COSTS_USES "A filtered cost map uses the network map it is defined on";
    s11_3_2_6 "11.3.2.6":
        1 def META
            "A filtered cost map has the version tag of the full network map, and the cost type that was asked for";
        3 must ONLY_ASKED "Only pairs that were asked for are returned";
        4 must UNKNOWN "Names that no PID has are treated as if they were not there";
        5 must EXCLUDED "Pairs that do not meet the constraints are not returned";
        6 def UNCONSTRAINED "Without constraints (none, or an empty list) every pair is returned";
        7 def EVERYTHING "Every pair asked for is returned, with the cost of the full map";
        8 def NOTHING "That no pair meets the constraints is an answer, not an error";
    s11_4_1 "11.4.1":
        1 may MORE "Properties beyond `pid` are offered";
    s11_4_1_1 "11.4.1.1":
        1 def FORMAT "Properties are asked for by POST and answered as application/alto-endpointprop+json";
    s11_4_1_3 "11.4.1.3":
        1 def PROPERTY_REQUEST "An endpoint property service needs `properties` and `endpoints`, neither empty";
        2 must MATCHING "A property that is not announced is refused with E_INVALID_FIELD_VALUE";
        3 must REPEATED_PROPERTIES "Properties that are repeated count once";
        4 must REPEATED_ENDPOINTS "Endpoints that are repeated count once";
    s11_4_1_4 "11.4.1.4":
        1 def PROP_TYPES "An endpoint property service has at least one of `prop-types`";
        2 must PID_OFFERED "Some endpoint property service lists `<map>.pid` for every network map and answers it";
    s11_4_1_5 "11.4.1.5":
        1 def PROPERTY_USES "An endpoint property service declares no `uses`";
    s11_4_1_6 "11.4.1.6":
        1 must TAGS "`meta.dependent-vtags` has the version tag of every network map whose `pid` was asked for";
        2 def EVERY_ENDPOINT "Every endpoint asked for has a member, even without any property";
        3 def ONLY_ASKED "Properties that were asked for are returned, and no others";
        4 should STRINGS "Values of properties are strings";
        5 must UNDEFINED "A property that an endpoint has not is left out, neither null nor empty nor an error";
    s11_5_1 "11.5.1":
        1 may PROVIDED "An endpoint cost service is provided";
    s11_5_1_1 "11.5.1.1":
        1 def FORMAT "Endpoint costs are asked for by POST and answered as application/alto-endpointcost+json";
    s11_5_1_3 "11.5.1.3":
        1 def COST_REQUEST "An endpoint cost service needs `cost-type` and `endpoints`";
        2 must MATCHING "Cost types that are announced are answered, others refused with E_INVALID_FIELD_VALUE";
        4 must DESCRIPTION "A description in a requested cost type is ignored";
        5 def CONSTRAINTS "Constraints mean what they mean for filtered cost maps";
        6 must CLIENT "An empty or absent list of sources or destinations stands for the client's address";
        7 must NOT_BOTH "Without sources and destinations a request is refused";
        8 must REPEATED "Endpoints that are repeated count once";
    s11_5_1_4 "11.5.1.4":
        1 def ENDPOINT_COST_NAMES "An endpoint cost service has the capabilities of a filtered cost map";
    s11_5_1_5 "11.5.1.5":
        1 must ENDPOINT_COST_USES "An endpoint cost service does not use a network map or cost map";
    s11_5_1_6 "11.5.1.6":
        1 must COST_TYPE "`meta.cost-type` is the cost type that was asked for";
        2 def ONLY_ASKED "Sources and destinations are those that were asked for";
        3 should NUMBERS "Endpoint costs are numbers";
        4 may OMITTED "Pairs without a defined cost are absent, never null or text";
        5 def RANKS "Ordinal endpoint costs rank the pairs of the request";
    s13_2 "13.2":
        1 def MIXED "Sources and destinations may be of different address types";
    s14_1 "14.1":
        1 def PARAMETERS "ALTO media types have no parameters";
        2 def ENCODING "Bodies of ALTO media types are JSON";
    s15_1_2 "15.1.2":
        1 should CERTIFICATE "The server's certificate names it as RFC 6125 wants";
        2 def CURRENT_TLS "TLS is used as is current practice: 1.2 or later, nothing older";
    s15_3_2 "15.3.2":
        2 def EVERYWHERE "Who is not authenticated gets no resource, the directory included";
    s15_4_2 "15.4.2":
        1 def COOKIES "Nothing depends on cookies";
    s15_5_2 "15.5.2":
        1 def SURVIVES "Requests that are malformed or cost too much are refused or answered, and the server goes on";

    @not_observable
        "3.2/1" "says what caches may do, not what a server must";
        "8.2/8" "binds who reads numbers; requests of this protocol have none outside of constraints";
        "8.3/1" "the sum of rfc7285/8.3/2 to rfc7285/8.3/15, each graded for itself";
        "8.3.5/3" "a preference of operators among ways to authenticate";
        "8.5.2/18" "leaves the order of checks to the server; any fault that is there is accepted";
        "8.5.3/1" "needs a server that is overloaded or in maintenance at the time";
        "8.5.3/3" "needs a server that is overloaded at the time; redirects in a loop make every check an error";
        "8.5.3/5" "allows connections to be dropped; there is nothing to violate";
        "9.1.1/2" "needs two generations of the server's data";
        "9.1.1/3" "needs two generations of the server's directory";
        "9.1.2/1" "covered by rfc7285/8.3/12 and rfc7285/8.3/17";
        "9.1.5/1" "covered by rfc7285/9.2.2/12";
        "9.2/2" "binds authors of extensions";
        "10.3/2" "binds who compares version tags";
        "10.5/1" "superseded by RFC 9274";
        "11.2.3.6/4" "binds who reads costs; what a server sends is rfc7285/6.1.2.1/1";
        "14.2/1" "binds those who register metrics";
        "14.2/2" "binds those who register metrics";
        "14.3/1" "binds those who register properties";
        "14.3/2" "binds those who register properties";
        "14.4/1" "binds those who register address types";
        "14.4/2" "binds those who register address types";
        "14.5/1" "binds those who register error codes";
        "15.3.2/1" "a decision of operators about what to disclose";
        "15.5.2/2" "how an answer is made does not show in it";
        "16.1.1/1" "a suggestion for a configuration, not for an answer";
        "16.1.1/2" "advice on what operators should expect to pay";
        "16.2.1/1" "logging is not visible over HTTP";
        "16.2.3/1" "monitoring is not visible over HTTP";
        "16.2.4/1" "what a server is fed with is not visible over HTTP";
        "16.2.5/1" "metrics are not part of ALTO";
}
