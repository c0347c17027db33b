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
    ADAPTS_TO_ORDINAL = may "rfc7285/6.1.2/2" "Wanting numerical costs, the client gets along where there are only ranks";
    ADAPTS_TO_NUMERICAL = may "rfc7285/6.1.2/3" "Wanting ranks, the client gets along where there are only numerical costs";
    RANKS = def "rfc7285/6.1.2.2/2" "Ranks may be equal, start at 0 and have gaps";
    CHANGING_COSTS = def "rfc7285/6.4/1" "A cost map that changed since it was last retrieved is taken as it is now";
    CASE = def "rfc7285/8.2/1" "Members whose names differ in case are other members";
    ORDER = def "rfc7285/8.2/4" "The order of members and white space between them mean nothing";
    NO_DUPLICATES = def "rfc7285/8.2/5" "No object of a request has two members of the same name";
    UTF8 = def "rfc7285/8.2/6" "Requests are JSON in UTF-8 without a byte order mark";
    ESCAPES = def "rfc7285/8.2/7" "Names and strings are compared after unescaping";
    NUMBER_FORMS = def "rfc7285/8.2/8" "Any JSON form of a number is understood: `1.0`, `1E0`, `10e-1`, `-0`";
    HTTP = must "rfc7285/8.3/1" "Answers in any form of HTTP/1.1 are understood: chunked, slow, moved";
    FRAMING = must "rfc7285/8.3/8" "Requests are HTTP/1.1 (RFC 7230), with one Host and valid framing";
    TYPE_CASE = def "rfc7285/8.3/13" "The case of a media type and its parameters mean nothing";
    ACCEPT = def "rfc7285/8.3/14" "If a request has Accept, it admits what the directory says the resource gives";
    TYPE_SPECIFIC = def "rfc7285/8.3/17" "Bodies carry the specific ALTO media type, never application/json";
    DISCOVERY = def "rfc7285/8.3.1/1" "Directories are followed from directory to directory, and loops end";
    BODY = must "rfc7285/8.3.2/2" "Input parameters are sent in the body of a POST";
    BODY_TYPE = must "rfc7285/8.3.2/3" "The Content-Type of a POST is what the entry `accepts`";
    METHOD = must "rfc7285/8.3.2/4" "What has `accepts` is asked by POST, what has none by GET";
    NO_POST_TO_GET = must "rfc7285/8.3.2/5" "A resource fetched by GET is not sent a POST";
    SEE_OTHER = may "rfc7285/8.3.3/3" "A 303 answer to a POST is followed by a GET";
    LOOKS_AT_TYPE = must "rfc7285/8.3.4.2/1" "An answer is taken for what its Content-Type says, not for what was asked for";
    READY_FOR_DIRECTORY = may "rfc7285/8.3.4.2/2" "Accept may list the directory's type beside the resource's";
    FAILING_SERVER = may "rfc7285/8.3.4.3/1" "A server that breaks off or fails leads to an error or to another source, not to a wrong answer";
    HTTPS = must "rfc7285/8.3.5/1" "https is supported, and a certificate for another name or of another authority is refused";
    DIGEST = must "rfc7285/8.3.5/2" "A Digest challenge is answered, and a refused answer is not repeated";
    FRESHNESS = def "rfc7285/8.3.6/1" "What is fresh is not asked for again, and conditional requests name the entity tag that was given";
    UNKNOWN_MEMBERS = must "rfc7285/8.3.7/1" "Unknown members are ignored, wherever they are";
    META = def "rfc7285/8.4.1/1" "Unknown members of `meta` are ignored";
    UNKNOWN_ERROR = def "rfc7285/8.5.2/19" "An unknown error code is an error of unknown kind";
    MOVED = should "rfc7285/8.5.3/1" "A 307 answer is followed to the other server with the same method and body";
    RETRY_AFTER = should "rfc7285/8.5.3/2" "After 503 with Retry-After, nothing is asked again before that time";
    REDIRECT_LOOP = should "rfc7285/8.5.3/4" "Redirects that go round in a loop are given up";
    KINDS = def "rfc7285/9.1.2/1" "Entries of an unknown media type are left alone";
    LOCAL_NAMES = def "rfc7285/9.2.2/1" "Names of cost types mean what the same directory says they mean";
    DEFAULT_MAP = def "rfc7285/9.2.2/4" "The default network map is the one that is named, wherever it is listed";
    RELATIVE = must "rfc7285/9.2.2/6" "Relative URIs are resolved against the URI of the directory they are in";
    NO_ACCEPTS = must "rfc7285/9.2.2/8" "An entry whose `accepts` is absent or empty is asked by GET";
    NO_CAPABILITIES = must "rfc7285/9.2.2/9" "An entry without `capabilities` is one with none";
    UNLISTED = def "rfc7285/9.2.2/10" "What a capability does not say is asked by OPTIONS, or has its documented default";
    SHARED_URI = def "rfc7285/9.2.2/16" "Several entries may have one URI";
    DELEGATION = def "rfc7285/9.2.4/1" "A directory may be on another server, and may use maps of the first";
    PREFERS_GET = def "rfc7285/9.2.5.1/1" "What can be had by GET is not asked by POST";
    FILTERS_APART = def "rfc7285/9.2.5.2/1" "A filtered map is told from the map by its `accepts`";
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
    IPV6_FORMS = must "rfc7285/10.4.3.2/2" "Any text form of an IPv6 address is understood, and what is sent is one";
    OPEN_MODES = def "rfc7285/10.5/1" "Cost modes beside numerical and ordinal are no fault of a directory";
    MODES = must "rfc9274/3.1/1" "A cost mode may come with any metric";
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
    PID_WITHOUT_ADDRESSES = must "rfc7285/11.2.1.7/2" "A PID left without known addresses is still a PID";
    LONGEST_PREFIX = must "rfc7285/11.2.2/1" "An address belongs to the PID with the longest prefix that holds it";
    COSTS_ARE_NUMBERS = should "rfc7285/11.2.3.6/4" "A cost in a cost map that is not a number makes the message unusable";
    HOLES = may "rfc7285/11.2.3.6/6" "A cost that is absent is unknown, not 0";
    FNM_PIDS = def "rfc7285/11.3.1.3/1" "A network map filter has `pids`, also when it is empty";
    FCM_COST_TYPE = def "rfc7285/11.3.2.3/1" "A cost map filter has a `cost-type`";
    FCM_OFFERED = must "rfc7285/11.3.2.3/2" "A cost map filter asks for a cost type that the resource offers";
    FCM_DESCRIPTION = should "rfc7285/11.3.2.3/3" "A cost map filter omits `description`";
    FCM_CONSTRAINTS = must "rfc7285/11.3.2.3/5" "`constraints` are sent only where `cost-constraints` is true";
    CONSTRAINT_FORM = def "rfc7285/11.3.2.3/6" "A constraint is `gt`, `lt`, `ge`, `le` or `eq`, white space, and a number";
    FCM_PIDS = def "rfc7285/11.3.2.3/14" "`pids` of a cost map filter has both `srcs` and `dsts`";
    NO_CONSTRAINTS = must "rfc7285/11.3.2.4/2" "Where `cost-constraints` is absent, it is false";
    SAME_VERSION = def "rfc7285/11.3.2.6/2" "Costs for another version of the network map lead to a new retrieval";
    EPS_REQUEST = def "rfc7285/11.4.1.3/1" "A property request has `properties` and `endpoints`, neither empty";
    EPS_OFFERED = must "rfc7285/11.4.1.3/2" "A property request asks for properties that the resource offers";
    PROPERTIES_ARE_STRINGS = should "rfc7285/11.4.1.6/4" "A property that is not a string makes the message unusable";
    ECS_REQUEST = def "rfc7285/11.5.1.3/1" "An endpoint cost request has `cost-type` and `endpoints`";
    ECS_OFFERED = must "rfc7285/11.5.1.3/2" "An endpoint cost request asks for a cost type that the resource offers";
    ECS_DESCRIPTION = should "rfc7285/11.5.1.3/3" "An endpoint cost request omits `description`";
    ECS_CONSTRAINTS = def "rfc7285/11.5.1.3/5" "Constraints of an endpoint cost request obey the rules of cost map filters";
    ECS_ENDPOINTS = must "rfc7285/11.5.1.3/7" "`srcs` and `dsts` are not both empty";
    ENDPOINT_COSTS_ARE_NUMBERS = should "rfc7285/11.5.1.6/3" "An endpoint cost that is not a number makes the message unusable";
    ENTRY_POINT = def "rfc7285/13.1/1" "A configured directory is where the client begins";
    TYPE_PLAIN = def "rfc7285/14.1/1" "Media types of requests have no parameters";
    ENCODING = def "rfc7285/14.1/2" "Request bodies are encoded as application/json is";
    CACHED = def "rfc7285/3.2/1" "Answers may come from a cache";
    TLS_VERSION = def "rfc7285/15.1.2/2" "TLS is of version 1.2 or later";
    COOKIES = may "rfc7285/15.4.2/2" "Cookies need not be returned";
    PLAIN = must "suite/plain/1" "Where nothing is unusual, the client finds the right answers";
    FROM_MAPS = def "rfc7285/15.4.2/4" "Costs may be found from maps alone, without sending addresses";
}
