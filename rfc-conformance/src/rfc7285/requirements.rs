//! Requirements of RFC 7285 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc7285"

    s6_1 "6.1":
        1 must DISTINCT "There is at most one cost map for each pair of cost type and network map";
    s6_1_1_1 "6.1.1.1":
        1 must ROUTINGCOST "The server offers the cost metric `routingcost`";
        2 def LOWER "A lower `routingcost` is preferred: ordinal costs never contradict the numerical ones";
    s6_1_2 "6.1.2":
        1 must BASIC_MODE "The server offers at least one of the cost modes `numerical` and `ordinal`";
    s6_1_2_1 "6.1.2.1":
        1 def NUMERICAL "Costs in mode `numerical` are JSON numbers";
    s6_1_2_2 "6.1.2.2":
        1 def ORDINAL "Costs in mode `ordinal` are non-negative integers";
        3 def RANKING "Ordinal costs rank the numerical costs, and lower is preferred";
    s6_2 "6.2":
        1 def DEFINED_PAIRS "The answer has every requested pair that has a cost; pairs without a cost may be absent";
        2 def RANKS_WITHIN "Ordinal costs rank the pairs of the same answer";
    s6_3 "6.3":
        1 def SAME_TAG "A cost map carries the version tag of its network map";
        2 must CHANGES "The version tag changes whenever the content of the network map changes";
        3 def SAME "Equal version tags identify equal network maps";
    s7_1_1 "7.1.1":
        1 must PID_PROPERTY "The server defines the property `pid` for every network map";
        2 def PID_VALUE
            "The `pid` of an address is the PID with the longest prefix that contains it in the network map";
    s8_2 "8.2":
        1 def CASE "JSON member names are case-sensitive";
        2 def SCHEMA "Every required member is present and has the type it is defined with";
        3 def BOUNDS "Arrays with fewer elements than required are rejected";
        4 def ORDER "The order of members and the white space between them have no meaning";
        5 def DUPLICATES "No JSON object in an answer repeats a member name";
        6 def UTF8 "Answers are encoded in UTF-8 without a byte order mark";
        7 def ESCAPES "Names and strings are compared after unescaping";
        9 def NULL "A member with the value null has the wrong type; it is not treated as absent";
    s8_3 "8.3":
        2 must HOST "Requests without a Host field, with two, or with an invalid one are rejected with 400";
        3 must CHUNKED "Request bodies with chunked transfer coding are accepted";
        4 must ABSOLUTE "Request targets in absolute form are accepted";
        5 must FIELD_NAMES
            "Header field names are case-insensitive, and white space before the colon is rejected with 400";
        6 must LENGTH
            "An invalid or contradictory Content-Length is rejected with 400, an unknown transfer coding with 501";
        7 must PERSISTENT "Connections persist, answers are delimited, and pipelined requests are answered in order";
        9 def HEAD "HEAD gives the same header fields as GET, without a body";
        10 def ALLOW
            "A method that a resource does not support is rejected with 405 and an `Allow` field";
        11 def BREW "An unknown method is rejected with 501 or 405";
        12 def MEDIA_TYPE "A body of an unsupported media type is rejected with 415";
        13 def TYPE_TEXT "Media types are compared case-insensitively, and parameters are tolerated";
        14 def NEGOTIATION "A request whose Accept field admits the media type of the resource gets the resource";
        15 def EXPECT "`Expect: 100-continue` is answered before the body is sent";
        16 def NOT_FOUND "An unknown path is answered with 404";
        17 def SPECIFIC "Answers have the specific ALTO media type, never application/json";
    s8_3_2 "8.3.2":
        1 def GET_PLAIN "Resources that take no input are served by GET";
    s8_3_3 "8.3.3":
        1 def THREE_WAYS "An answer with status 200 is the resource itself or a directory that leads to it";
        2 may CACHING "Conditional requests work where validators are given: 304 without a body for a current copy";
        3 may SEE_OTHER "A POST that is answered with 303 leads to the same answer by GET";
        4 must CONTENT_TYPE "Every answer with a body states its media type in Content-Type";
    s8_3_4_2 "8.3.4.2":
        2 may LISTS_DIRECTORY "A client that lists the directory media type in Accept as well still gets the resource";
    s8_3_5 "8.3.5":
        1 must HTTPS "The server supports the https scheme and TLS";
        2 must DIGEST
            "Where clients are authenticated, HTTP Digest is supported and only valid credentials are accepted";
    s8_3_7 "8.3.7":
        1 must UNKNOWN "Unknown members are ignored at any place in a request";
    s8_4 "8.4":
        1 def META "Every answer has an object as member `meta`";
    s8_4_1 "8.4.1":
        1 def OPEN_META "`meta` is an open map: an unknown member `meta` in a request changes nothing";
    s8_4_2 "8.4.2":
        1 def DATA "The data member is named after the type of the resource, and no member is named `data`";
    s8_5 "8.5":
        1 should BODY "Errors carry an ALTO error message where there is more to say than the HTTP status";
        2 must STATUS "Errors have a matching HTTP status: 4xx for faults of the client, never 2xx";
    s8_5_1 "8.5.1":
        1 def ERROR_TYPE "Error messages have the media type application/alto-error+json";
    s8_5_2 "8.5.2":
        1 must CODE "Every error message has `meta.code`";
        2 must KNOWN_CODE "`code` is a string from the registry of ALTO error codes";
        3 def SYNTAX "A body that is not JSON is rejected with E_SYNTAX";
        4 may SYNTAX_TEXT "`syntax-error`, if present, is a human-readable string";
        5 def MISSING "A missing member is rejected with E_MISSING_FIELD, and `field` names it";
        6 may FIELD_TEXT "`field`, if present, is a string";
        7 def TYPE "A member of the wrong type is rejected with E_INVALID_FIELD_TYPE, and `field` names it";
        8 may TYPE_FIELD "`field`, if present, names the member that has the wrong type";
        9 def VALUE "An invalid value of the right type is rejected with E_INVALID_FIELD_VALUE";
        10 may FIELD_AND_VALUE "`field` and `value`, if present, name the invalid value";
        11 must VALUE_FIELD "`value` is present only together with `field`";
        12 must VALUE_TEXT "`value` is a string";
        13 must AS_TEXT "An invalid value that is not a string is converted to one: 42 becomes \"42\"";
        14 def SUBFIELD "For an invalid value inside an object, `field` is the whole path and `value` the inner value";
        15 def ELEMENT "For an invalid array element, `field` names the array and `value` is the element";
        16 def ELEMENT_TYPE "An array element of the wrong type is rejected with E_INVALID_FIELD_VALUE";
        17 must ONE "A request with several faults gets exactly one error";
    s8_5_3 "8.5.3":
        2 def RETRY_AFTER "`Retry-After`, if present, is a number of seconds or an HTTP date";
    s9_1_1 "9.1.1":
        1 must UNIQUE "A resource ID identifies one resource in all directories reachable from the root";
    s9_1_3 "9.1.3":
        1 def CAPABILITIES "Every cost type listed in the capabilities can be requested";
    s9_1_4 "9.1.4":
        1 def ACCEPTS "`accepts` is the media type that is accepted as the body of a POST";
    s9_2 "9.2":
        1 must AVAILABLE "The root URI gives a directory by GET";
    s9_2_1 "9.2.1":
        1 def MEDIA_TYPE "Directories have the media type application/alto-directory+json";
    s9_2_2 "9.2.2":
        1 def COST_TYPES "`meta.cost-types` maps names to cost types, within that directory only";
        2 def COST_TYPE_NAMES "Every cost type name is defined in `meta.cost-types` of the same directory";
        3 must HAS_DEFAULT "The root directory has `meta.default-alto-network-map`";
        4 def DEFAULT_IS_MAP "`default-alto-network-map` is the ID of a full network map";
        5 def ENTRIES
            "Entries have strings `uri` and `media-type`; `accepts`, `capabilities` and `uses` have the right types";
        6 must RELATIVE "Every `uri`, resolved against the URI of its directory, gives an answer";
        7 def NESTED "An entry with the media type of directories leads to a directory";
        10 def OPTIONS
            "OPTIONS, by which clients may ask for capabilities, is answered or rejected without a server error";
        11 def USES_KNOWN "`uses` names listed resources only";
        12 should USES_NEEDED
            "`uses` names every resource needed to interpret the entry, such as the network map of its version tag";
        13 must GET "An entry without `accepts` is served by GET";
        14 must POST "An entry with `accepts` is served by POST";
        15 must ONE_METHOD "A URI that is listed for one method gives no resource by the other";
        16 def SHARED "Entries with the same URI are distinguished by method and Content-Type";
    s9_2_4 "9.2.4":
        1 def DELEGATED "Directories that another one delegates to are readable, and delegation ends";
    s9_2_5_2 "9.2.5.2":
        1 def KINDS "Maps are either full (without `accepts`) or filtered by the media type defined for that";
    s10_1 "10.1":
        1 must PID_LENGTH "A PID name has at most 64 characters";
        2 must PID_ALPHABET "A PID name consists of [0-9A-Za-z:@_.-]";
        3 must PID_DOT "A PID name contains no dot";
        4 def PID_CASE "PID names that differ in case are different names";
    s10_2 "10.2":
        1 def RESOURCE_ID "A resource ID has the form of a PID name: up to 64 characters of [0-9A-Za-z:@_-]";
    s10_3 "10.3":
        1 def KNOWN_ID "The `resource-id` of a version tag is the ID of a listed network map";
        3 must TAG_LENGTH "A tag has at most 64 characters";
        4 must TAG_ALPHABET "A tag consists of characters from U+0021 to U+007E";
        5 should COLLISIONS "Different contents have different tags with high probability";
    s10_4 "10.4":
        1 def BY_VALUE "Addresses are compared by value: every spelling denotes the same endpoint";
    s10_4_1 "10.4.1":
        1 def TYPED_ADDRESS "Endpoints are typed addresses of the form `type:address`, and anything else is rejected";
    s10_4_2 "10.4.2":
        1 def ADDRESS_TYPE "An address type consists of [0-9A-Za-z]";
        2 must ADDRESS_TYPE_KNOWN "Address types are registered with IANA";
    s10_4_3_1 "10.4.3.1":
        1 def V4_TEXT "An IPv4 address is four decimal numbers without leading zeros, and anything else is rejected";
    s10_4_3_2 "10.4.3.2":
        1 def CANONICAL "IPv6 addresses in answers have the form that RFC 5952 recommends";
        2 must V6_FORMS "Every text form of IPv6 addresses in RFC 4291 is accepted";
    s10_4_4_1 "10.4.4.1":
        1 def V4_PREFIX "IPv4 prefixes are dotted quads with a prefix length and no host bits set";
    s10_4_4_2 "10.4.4.2":
        1 def V6_PREFIX "IPv6 prefixes are addresses with a prefix length, in the form of RFC 5952 §7";
    s10_4_5 "10.4.5":
        1 def GROUP "An endpoint address group maps address types to arrays of prefixes";
    s10_6 "10.6":
        1 must METRIC_LENGTH "A cost metric has at most 32 characters";
        2 must METRIC_ALPHABET "A cost metric consists of [0-9A-Za-z:_.-]";
        3 must METRIC_DOT "A cost metric contains no dot";
        4 must METRIC_KNOWN "A cost metric is registered or begins with `priv:`";
        5 must METRIC_PRIVATE "The prefix `priv:` of a cost metric is followed by a name";
    s10_7 "10.7":
        1 def COST_TYPE "A cost type has the strings `cost-metric` and `cost-mode`";
        2 must DESCRIPTION "The description of a cost type, if present, is a string";
    s10_8_1 "10.8.1":
        1 must SPECIFIC "A resource-specific property is a resource ID, a dot, and a property name";
        2 def ONLY_PID "A resource-specific property is `pid` or begins with `priv:`";
    s10_8_2 "10.8.2":
        1 must PROPERTY_LENGTH "A property name has at most 32 characters";
        2 must PROPERTY_ALPHABET "A property name consists of [0-9A-Za-z:_-]";
        3 must PROPERTY_KNOWN "A property is registered or begins with `priv:`";
        4 must PROPERTY_PRIVATE "The prefix `priv:` of a property is followed by a name";
    s11_1 "11.1":
        1 def VTAGS "`meta.vtag` is a version tag and `meta.dependent-vtags` an array of version tags, in every answer";
    s11_2_1 "11.2.1":
        1 must NETWORK_MAP "The server provides at least one network map";
    s11_2_1_1 "11.2.1.1":
        1 def MEDIA_TYPE "A network map has the media type application/alto-networkmap+json";
    s11_2_1_2 "11.2.1.2":
        1 def NETWORK_MAP "A network map takes no input, has no capabilities and uses no other resource";
    s11_2_1_6 "11.2.1.6":
        1 must VTAG "A network map has `meta.vtag`";
        2 def OWN_ID "The `resource-id` of the version tag is the resource ID of the network map";
        3 def SHAPE "`network-map` maps PIDs to endpoint address groups";
        4 must ALL_PIDS "A network map has all PIDs that other resources refer to";
    s11_2_2 "11.2.2":
        1 must LONGEST "Addresses are mapped to PIDs by longest-prefix match over all prefixes";
        2 must COMPLETE "Every address of a type that the network map has belongs to some PID";
        3 should SHORTEST "A network map is made complete by the shortest prefixes, 0.0.0.0/0 and ::/0";
        4 must OVERLAP "No two PIDs contain the same prefix, in whatever spelling";
    s11_2_3 "11.2.3":
        1 must COST_MAP "The server provides a full cost map for the metric `routingcost`";
    s11_2_3_1 "11.2.3.1":
        1 def MEDIA_TYPE "A cost map has the media type application/alto-costmap+json";
    s11_2_3_2 "11.2.3.2":
        1 def COST_MAP "A full cost map is fetched by GET and takes no input";
    s11_2_3_4 "11.2.3.4":
        1 must ONE_COST_TYPE "A full cost map has exactly one cost type name, and the directory defines it";
    s11_2_3_5 "11.2.3.5":
        1 def USES_MAP "A full cost map uses exactly the network map on which it is defined";
        2 must DISTINCT_AGAIN "No two cost maps of one cost type use the same network map";
    s11_2_3_6 "11.2.3.6":
        1 must DEPENDENT "`meta.dependent-vtags` has exactly the version tag of the network map used";
        2 must COST_TYPE "`meta.cost-type` is the cost type that the directory announces";
        3 def SHAPE "`cost-map` is an object of objects: costs by source PID and destination PID";
        5 must ALL_DEFINED "A full cost map has every pair whose cost is defined";
        6 may OMITTED "Pairs without a defined cost are absent, never null or a string";
        7 def KEYS "Sources and destinations are PIDs of the network map named by the version tag";
    s11_3_1 "11.3.1":
        1 may PROVIDED "The server provides a filtered network map";
    s11_3_1_1 "11.3.1.1":
        1 def FORMAT "The answer of a filtered network map has the format of a network map";
    s11_3_1_2 "11.3.1.2":
        1 def BY_POST "A filtered network map accepts application/alto-networkmapfilter+json by POST";
    s11_3_1_3 "11.3.1.3":
        1 def NETWORK_FILTER "A filtered network map requires `pids`; `address-types` is optional";
        2 must ALL_PIDS "An empty array `pids` stands for all PIDs";
        3 must REPEATED_PIDS "Repeated PIDs count once";
        4 must ALL_TYPES "An absent or empty `address-types` stands for all address types";
        5 must REPEATED_TYPES "Repeated address types count once";
    s11_3_1_5 "11.3.1.5":
        1 def FILTERED_MAP_USES "A filtered network map uses the network map that it filters, and has no capabilities";
    s11_3_1_6 "11.3.1.6":
        1 must ONLY_PIDS "The answer has requested PIDs only";
        2 must UNKNOWN_PIDS "Unknown PIDs in a request are ignored";
        3 must ONLY_TYPES "The answer has requested address types only";
        4 must UNKNOWN_TYPES "Unknown address types in a request are ignored";
        5 must FULL_TAG "`meta.vtag` is the version tag of the full network map, whatever the filter";
        6 def EVERYTHING "The answer has every requested PID with all its prefixes";
    s11_3_2 "11.3.2":
        1 may PROVIDED "The server provides a filtered cost map";
    s11_3_2_1 "11.3.2.1":
        1 def FORMAT "The answer of a filtered cost map has the format of a cost map";
    s11_3_2_3 "11.3.2.3":
        1 def COST_FILTER "A filtered cost map requires `cost-type`";
        2 must MATCHING "Announced cost types are answered, others are rejected with E_INVALID_FIELD_VALUE";
        4 must DESCRIPTION "The description in a requested cost type is ignored";
        6 def SYNTAX "A constraint is gt, lt, ge, le or eq, white space and a number; anything else is rejected";
        8 should STORED "Constraint values are stored with at least double precision";
        9 should COMPUTED "Constraints are evaluated with double precision";
        10 def CONJUNCTION "Several constraints are combined by AND";
        11 must EMPTY_LISTS "An empty array of sources or destinations stands for all PIDs";
        12 must REPEATED "Repeated PIDs count once";
        13 must NO_PIDS "A request without `pids` asks for the whole cost map";
        14 def BOTH_LISTS "`pids` requires both `srcs` and `dsts`";
    s11_3_2_4 "11.3.2.4":
        1 def FILTERED_COSTS_NAMES "A filtered cost map has at least one cost type name";
        3 def CONSTRAINTS "If `cost-constraints` is true, constraints are accepted for every cost type";
    s11_3_2_5 "11.3.2.5":
        1 def FILTERED_COSTS_USES "A filtered cost map uses the network map on which it is defined";
    s11_3_2_6 "11.3.2.6":
        1 def META "The answer has the version tag of the full network map, and the requested cost type";
        3 must ONLY_ASKED "The answer has requested pairs only";
        4 must UNKNOWN "Unknown PIDs in a request are ignored";
        5 must EXCLUDED "Pairs that do not meet the constraints are absent";
        6 def UNCONSTRAINED "Without constraints, or with an empty array of them, every pair is returned";
        7 def EVERYTHING "The answer has every requested pair, with its cost in the full cost map";
        8 def NOTHING "If no pair meets the constraints, the answer is empty and not an error";
    s11_4_1 "11.4.1":
        1 may MORE "The server offers properties other than `pid`";
    s11_4_1_1 "11.4.1.1":
        1 def FORMAT "Endpoint properties are requested by POST and answered as application/alto-endpointprop+json";
    s11_4_1_3 "11.4.1.3":
        1 def PROPERTY_REQUEST
            "An endpoint property service requires `properties` and `endpoints`, neither of them empty";
        2 must MATCHING "A property that is not announced is rejected with E_INVALID_FIELD_VALUE";
        3 must REPEATED_PROPERTIES "Repeated properties count once";
        4 must REPEATED_ENDPOINTS "Repeated endpoints count once";
    s11_4_1_4 "11.4.1.4":
        1 def PROP_TYPES "An endpoint property service announces at least one property in `prop-types`";
        2 must PID_OFFERED "For every network map, an endpoint property service announces and answers `<map>.pid`";
    s11_4_1_5 "11.4.1.5":
        1 def PROPERTY_USES "An endpoint property service declares no `uses`";
    s11_4_1_6 "11.4.1.6":
        1 must TAGS "`meta.dependent-vtags` has the version tag of every network map whose `pid` was requested";
        2 def EVERY_ENDPOINT "The answer has every requested endpoint, even those without properties";
        3 def ONLY_ASKED "The answer has the requested properties and no others";
        4 should STRINGS "Property values are strings";
        5 must UNDEFINED "A property that is undefined for an endpoint is absent, neither null nor empty nor an error";
    s11_5_1 "11.5.1":
        1 may PROVIDED "The server provides an endpoint cost service";
    s11_5_1_1 "11.5.1.1":
        1 def FORMAT "Endpoint costs are requested by POST and answered as application/alto-endpointcost+json";
    s11_5_1_3 "11.5.1.3":
        1 def COST_REQUEST "An endpoint cost service requires `cost-type` and `endpoints`";
        2 must MATCHING "Announced cost types are answered, others are rejected with E_INVALID_FIELD_VALUE";
        4 must DESCRIPTION "The description in a requested cost type is ignored";
        5 def CONSTRAINTS "Constraints have the same meaning as for filtered cost maps";
        6 must CLIENT "An empty or absent array of sources or destinations stands for the address of the client";
        7 must NOT_BOTH "A request with neither sources nor destinations is rejected";
        8 must REPEATED "Repeated endpoints count once";
    s11_5_1_4 "11.5.1.4":
        1 def ENDPOINT_COST_NAMES "An endpoint cost service has the capabilities of a filtered cost map";
    s11_5_1_5 "11.5.1.5":
        1 must ENDPOINT_COST_USES "An endpoint cost service does not use a network map or cost map";
    s11_5_1_6 "11.5.1.6":
        1 must COST_TYPE "`meta.cost-type` is the requested cost type";
        2 def ONLY_ASKED "The answer has requested sources and destinations only";
        3 should NUMBERS "Endpoint costs are numbers";
        4 may OMITTED "Pairs without a defined cost are absent, never null or a string";
        5 def RANKS "Ordinal endpoint costs rank the pairs of the request";
        6 def SAME_COSTS "The numerical cost of a pair does not depend on the other pairs of the request";
    s13_2 "13.2":
        1 def MIXED "Sources and destinations may be of different address types";
    s14_1 "14.1":
        1 def PARAMETERS "ALTO media types have no parameters";
        2 def ENCODING "Bodies of ALTO media types are encoded as JSON";
    s15_1_2 "15.1.2":
        1 should CERTIFICATE "The server's certificate identifies the server as RFC 6125 requires";
        2 def CURRENT_TLS "TLS 1.2 or later is used, as current practice requires";
    s15_3_2 "15.3.2":
        2 def EVERYWHERE "Clients that are not authenticated get no resource, not even the directory";
    s15_4_2 "15.4.2":
        1 def COOKIES "The protocol does not depend on cookies";
    s15_5_2 "15.5.2":
        1 def SURVIVES "Malformed and expensive requests are answered or rejected, and the server keeps running";

    @not_observable
        "3.2/1" "permits behaviour of caches, not of servers";
        "8.2/8" "binds readers of numbers, and requests have no numbers outside constraints";
        "8.3/1" "summarises rfc7285/8.3/2 to rfc7285/8.3/15, which are graded individually";
        "8.3.5/3" "states a preference of operators among authentication methods";
        "8.5.2/18" "leaves the order of validation to the server; the suite accepts any fault that is present";
        "8.5.3/1" "requires a server that is overloaded or in maintenance during the run";
        "8.5.3/3" "requires a server that is overloaded during the run; redirect loops make every check an error";
        "8.5.3/5" "permits dropped connections; nothing can violate it";
        "9.1.1/2" "requires two generations of the server's data";
        "9.1.1/3" "requires two generations of the server's directory";
        "9.1.2/1" "covered by rfc7285/8.3/12 and rfc7285/8.3/17";
        "9.1.5/1" "covered by rfc7285/9.2.2/12";
        "9.2/2" "binds authors of extensions";
        "10.3/2" "binds those who compare version tags";
        "10.5/1" "superseded by RFC 9274";
        "11.2.3.6/4" "binds readers of costs; servers are graded by rfc7285/6.1.2.1/1";
        "14.2/1" "binds those who register metrics";
        "14.2/2" "binds those who register metrics";
        "14.3/1" "binds those who register properties";
        "14.3/2" "binds those who register properties";
        "14.4/1" "binds those who register address types";
        "14.4/2" "binds those who register address types";
        "14.5/1" "binds those who register error codes";
        "15.3.2/1" "is a decision of operators about disclosure";
        "15.5.2/2" "concerns how an answer is computed, which the answer does not show";
        "16.1.1/1" "recommends a configuration, which answers do not show";
        "16.1.1/2" "advises operators on costs of operation";
        "16.2.1/1" "logging is not visible over HTTP";
        "16.2.3/1" "monitoring is not visible over HTTP";
        "16.2.4/1" "concerns the input of a server, which is not visible over HTTP";
        "16.2.5/1" "metrics are not part of ALTO";
}
