//! Requirements on clients, as a server can observe them.

use crate::requirement::Requirement;

macro_rules! requirements {
    ($($name:ident = $level:ident $id:literal $text:literal;)*) => {
        $(pub(super) const $name: Requirement = Requirement::$level($id, $text);)*

        /// All requirements on clients.
        pub(super) const ALL: &[Requirement] = &[$($name),*];
    };
}

requirements! {
    ADAPTS_TO_ORDINAL = may "rfc7285/6.1.2/2" "A client that prefers numerical costs adapts to a server that offers only ordinal costs";
    ADAPTS_TO_NUMERICAL = may "rfc7285/6.1.2/3" "A client that prefers ordinal costs adapts to a server that offers only numerical costs";
    RANKS = def "rfc7285/6.1.2.2/2" "Ranks may have ties and gaps and start at 0";
    CHANGING_COSTS = def "rfc7285/6.4/1" "A cost map that changed since the last retrieval is used in its current version";
    CASE = def "rfc7285/8.2/1" "Member names are compared case-sensitively";
    ORDER = def "rfc7285/8.2/4" "The order of members and insignificant white space have no meaning";
    NO_DUPLICATES = def "rfc7285/8.2/5" "No object of a request has two members of the same name";
    UTF8 = def "rfc7285/8.2/6" "Requests are JSON in UTF-8 without a byte order mark";
    ESCAPES = def "rfc7285/8.2/7" "Names and strings are compared after unescaping";
    NUMBER_FORMS = def "rfc7285/8.2/8" "Every JSON notation of a number is accepted: `1.0`, `1E0`, `10e-1`, `-0`";
    HTTP = must "rfc7285/8.3/1" "Answers in every form of HTTP/1.1 are accepted: chunked, slow, redirected";
    FRAMING = must "rfc7285/8.3/8" "Requests are HTTP/1.1 (RFC 7230), with one Host and valid framing";
    TYPE_CASE = def "rfc7285/8.3/13" "Media types are compared case-insensitively and without their parameters";
    ACCEPT = def "rfc7285/8.3/14" "Accept, if present, admits the media type that the directory lists for the resource";
    TYPE_SPECIFIC = def "rfc7285/8.3/17" "Bodies carry the specific ALTO media type, never application/json";
    DISCOVERY = def "rfc7285/8.3.1/1" "References between directories are followed, and cycles end";
    BODY = must "rfc7285/8.3.2/2" "Input parameters are sent in the body of a POST";
    BODY_TYPE = must "rfc7285/8.3.2/3" "The Content-Type of a POST is what the entry `accepts`";
    METHOD = must "rfc7285/8.3.2/4" "Resources with `accepts` are requested by POST, all others by GET";
    NO_POST_TO_GET = must "rfc7285/8.3.2/5" "A resource fetched by GET is not sent a POST";
    SEE_OTHER = may "rfc7285/8.3.3/3" "A 303 answer to a POST is followed by a GET";
    LOOKS_AT_TYPE = must "rfc7285/8.3.4.2/1" "An answer is interpreted by its Content-Type, not by the media type that was requested";
    READY_FOR_DIRECTORY = may "rfc7285/8.3.4.2/2" "Accept may list the directory's type beside the resource's";
    FAILING_SERVER = may "rfc7285/8.3.4.3/1" "A truncated or failed answer leads to an error or to another resource, not to a wrong result";
    HTTPS = must "rfc7285/8.3.5/1" "https is supported, and certificates for another host or of an unknown authority are rejected";
    DIGEST = must "rfc7285/8.3.5/2" "A Digest challenge is answered, and rejected credentials are not sent again";
    FRESHNESS = def "rfc7285/8.3.6/1" "Fresh answers are not requested again, and conditional requests use entity tags that the server sent";
    UNKNOWN_MEMBERS = must "rfc7285/8.3.7/1" "Unknown members are ignored, wherever they are";
    META = def "rfc7285/8.4.1/1" "Unknown members of `meta` are ignored";
    UNKNOWN_ERROR = def "rfc7285/8.5.2/19" "An unknown error code is handled as an unspecified error";
    MOVED = should "rfc7285/8.5.3/1" "A 307 redirect to another server is followed with the same method and body";
    RETRY_AFTER = should "rfc7285/8.5.3/2" "After 503 with Retry-After, the request is not repeated before that time";
    REDIRECT_LOOP = should "rfc7285/8.5.3/4" "Redirect loops are detected and abandoned";
    KINDS = def "rfc7285/9.1.2/1" "Resources of an unknown media type are not requested";
    LOCAL_NAMES = def "rfc7285/9.2.2/1" "Cost type names are resolved in the directory that uses them";
    DEFAULT_MAP = def "rfc7285/9.2.2/4" "The default network map is the one that `meta` names, whatever its position";
    RELATIVE = must "rfc7285/9.2.2/6" "Relative URIs are resolved against the URI of the directory they are in";
    NO_ACCEPTS = must "rfc7285/9.2.2/8" "An entry whose `accepts` is absent or empty is requested by GET";
    NO_CAPABILITIES = must "rfc7285/9.2.2/9" "An entry without `capabilities` has no capabilities";
    UNLISTED = def "rfc7285/9.2.2/10" "Unlisted capabilities are queried by OPTIONS, or have their documented default";
    SHARED_URI = def "rfc7285/9.2.2/16" "Several entries may have one URI";
    DELEGATION = def "rfc7285/9.2.4/1" "A directory may be on another server, and may use maps of the first";
    PREFERS_GET = def "rfc7285/9.2.5.1/1" "Resources available by GET are not requested by POST";
    FILTERS_APART = def "rfc7285/9.2.5.2/1" "A filtered map is distinguished from the full map by its `accepts`";
    PID_LENGTH = must "rfc7285/10.1/1" "PID names in requests have at most 64 characters";
    PID_ALPHABET = must "rfc7285/10.1/2" "PID names in requests use only `0-9A-Za-z:@_-.`";
    PID_DOT = must "rfc7285/10.1/3" "PID names in requests have no `.`";
    RESOURCE_ID = def "rfc7285/10.2/1" "Resource IDs in requests obey the grammar of PID names";
    TAGS_EQUAL = def "rfc7285/10.3/2" "Version tags are equal only if both resource ID and tag are";
    BY_VALUE = def "rfc7285/10.4/1" "Addresses in answers are compared by value, not by spelling";
    TYPED_ADDRESS = def "rfc7285/10.4.1/1" "Addresses in requests are `TYPE:ADDRESS`";
    ADDRESS_TYPE = def "rfc7285/10.4.2/1" "Address types in requests are alphanumeric";
    ADDRESS_TYPE_KNOWN = must "rfc7285/10.4.2/2" "Address types in requests are registered";
    IPV4 = def "rfc7285/10.4.3.1/1" "IPv4 addresses in requests are four decimal numbers without leading zeros";
    IPV6_FORMS = must "rfc7285/10.4.3.2/2" "Every text form of an IPv6 address is accepted, and addresses in requests are valid";
    OPEN_MODES = def "rfc7285/10.5/1" "A directory may list cost modes other than numerical and ordinal";
    MODES = must "rfc9274/3.1/1" "A cost mode may be combined with any metric";
    MODE_LENGTH = must "rfc9274/3.2/1" "Cost modes in requests have at most 32 characters";
    MODE_ALPHABET = must "rfc9274/3.2/2" "Cost modes in requests use only `0-9A-Za-z:_-`";
    MODE_KNOWN = must "rfc9274/3.2/3" "Cost modes in requests are registered, or begin with `priv:`";
    METRIC_LENGTH = must "rfc7285/10.6/1" "Cost metrics in requests have at most 32 characters";
    METRIC_ALPHABET = must "rfc7285/10.6/2" "Cost metrics in requests use only `0-9A-Za-z:_-.`";
    METRIC_DOT = must "rfc7285/10.6/3" "Cost metrics in requests have no `.`";
    METRIC_KNOWN = must "rfc7285/10.6/4" "Cost metrics in requests are registered, or begin with `priv:`";
    METRIC_PRIVATE = must "rfc7285/10.6/5" "A private cost metric has a name after `priv:`";
    COST_TYPE = def "rfc7285/10.7/1" "A cost type in a request has the strings `cost-metric` and `cost-mode`";
    RESOURCE_PROPERTY = must "rfc7285/10.8.1/1" "A property of a resource is `RESOURCE-ID.NAME`";
    PROPERTY_LENGTH = must "rfc7285/10.8.2/1" "Property names in requests have at most 32 characters";
    PROPERTY_ALPHABET = must "rfc7285/10.8.2/2" "Property names in requests use only `0-9A-Za-z:_-`";
    PROPERTY_KNOWN = must "rfc7285/10.8.2/3" "Property names in requests are registered, or begin with `priv:`";
    PROPERTY_PRIVATE = must "rfc7285/10.8.2/4" "A private property has a name after `priv:`";
    ADDRESS_TYPES = must "rfc7285/11.2.1.7/1" "Groups of an unknown address type are ignored";
    PID_WITHOUT_ADDRESSES = must "rfc7285/11.2.1.7/2" "A PID without addresses of a known type remains in the map";
    LONGEST_PREFIX = must "rfc7285/11.2.2/1" "An address belongs to the PID with the longest matching prefix";
    COSTS_ARE_NUMBERS = should "rfc7285/11.2.3.6/4" "A cost in a cost map that is not a number makes the message unusable";
    HOLES = may "rfc7285/11.2.3.6/6" "A cost that is absent is unknown, not 0";
    FNM_PIDS = def "rfc7285/11.3.1.3/1" "A network map filter has `pids`, even if it is empty";
    FCM_COST_TYPE = def "rfc7285/11.3.2.3/1" "A cost map filter has a `cost-type`";
    FCM_OFFERED = must "rfc7285/11.3.2.3/2" "A cost map filter asks for a cost type that the resource offers";
    FCM_DESCRIPTION = should "rfc7285/11.3.2.3/3" "A cost map filter omits `description`";
    FCM_CONSTRAINTS = must "rfc7285/11.3.2.3/5" "`constraints` are sent only where `cost-constraints` is true";
    CONSTRAINT_FORM = def "rfc7285/11.3.2.3/6" "A constraint is `gt`, `lt`, `ge`, `le` or `eq`, white space, and a number";
    FCM_PIDS = def "rfc7285/11.3.2.3/14" "`pids` of a cost map filter has both `srcs` and `dsts`";
    NO_CONSTRAINTS = must "rfc7285/11.3.2.4/2" "Where `cost-constraints` is absent, it is false";
    SAME_VERSION = def "rfc7285/11.3.2.6/2" "Costs for another version of the network map cause a new retrieval";
    EPS_REQUEST = def "rfc7285/11.4.1.3/1" "A property request has `properties` and `endpoints`, neither empty";
    EPS_OFFERED = must "rfc7285/11.4.1.3/2" "A property request asks for properties that the resource offers";
    PROPERTIES_ARE_STRINGS = should "rfc7285/11.4.1.6/4" "A property that is not a string makes the message unusable";
    ECS_REQUEST = def "rfc7285/11.5.1.3/1" "An endpoint cost request has `cost-type` and `endpoints`";
    ECS_OFFERED = must "rfc7285/11.5.1.3/2" "An endpoint cost request asks for a cost type that the resource offers";
    ECS_DESCRIPTION = should "rfc7285/11.5.1.3/3" "An endpoint cost request omits `description`";
    ECS_CONSTRAINTS = def "rfc7285/11.5.1.3/5" "Constraints of an endpoint cost request obey the rules of cost map filters";
    ECS_ENDPOINTS = must "rfc7285/11.5.1.3/7" "`srcs` and `dsts` are not both empty";
    ENDPOINT_COSTS_ARE_NUMBERS = should "rfc7285/11.5.1.6/3" "An endpoint cost that is not a number makes the message unusable";
    ENTRY_POINT = def "rfc7285/13.1/1" "A configured directory is the first resource that the client requests";
    TYPE_PLAIN = def "rfc7285/14.1/1" "Media types of requests have no parameters";
    ENCODING = def "rfc7285/14.1/2" "Request bodies are encoded as application/json is";
    CACHED = def "rfc7285/3.2/1" "Answers may come from a cache";
    TLS_VERSION = def "rfc7285/15.1.2/2" "TLS is of version 1.2 or later";
    COOKIES = may "rfc7285/15.4.2/2" "Cookies need not be returned";
    PLAIN = must "suite/plain/1" "In the scenario plain, the client gives the right answers";
    FROM_MAPS = def "rfc7285/15.4.2/4" "Costs may be determined from maps alone, without sending addresses";
}
