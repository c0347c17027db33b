//! Requirements of RFC 8189 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc8189"

    s3_5 "3.5":
        1 def SINGLE_BY_GET "A full cost map has single values, never arrays of several costs";
        2 def WHOLE "A multi-cost request without a PID filter gets the whole map";
    s4_1 "4.1":
        1 def AS_BEFORE "A multi-cost filtered cost map uses one network map and has the media types of RFC 7285";
    s4_1_1 "4.1.1":
        1 must EVERY "If `cost-constraints` is true, constraints are accepted for every cost type";
        2 must EXCLUSIVE "`testable-cost-type-names` is not announced together with `cost-constraints` true";
        3 def MAX "`max-cost-types` is a number, and that many cost types can be requested at once";
        4 def DEFAULT "A resource without `max-cost-types` does not answer multi-cost requests";
        5 must TESTABLE "Every testable cost type name is one of the cost type names";
        6 def ONLY_TESTABLE
            "`testable-cost-type-names`, if present, is not empty, and constraints are accepted for those names only";
        7 def DEFINED "The cost types of multi-cost resources are defined in the same directory";
    s4_1_2 "4.1.2":
        3 def NEITHER "A request with neither `cost-type` nor `multi-cost-types` is rejected";
        4 def BOTH "A request with both `cost-type` and `multi-cost-types` is rejected";
        6 must ARRAYS "For `multi-cost-types`, every cost is an array with one value for each cost type";
        8 def UNSUPPORTED "A multi-cost request with an unsupported cost type is rejected";
        11 def TOO_MANY "A request for more cost types than `max-cost-types` is rejected";
        12 def NONE "An empty array `multi-cost-types` is rejected";
        13 def ONE "An array of one cost type gives costs that are arrays of one value";
        14 def TYPES "Malformed arrays of cost types are rejected as RFC 7285 §8.5.2 defines";
        15 def DESCRIPTION "The description in a requested cost type is ignored";
        16 def PIDS
            "`pids` has the meaning of RFC 7285: empty arrays stand for all PIDs, repeated and unknown names are ignored";
        20 def SUBSET "`testable-cost-types` with a cost type that is not testable is rejected";
        21 def WRITTEN_OUT "Without `testable-cost-types`, constraints refer to `multi-cost-types` or to `cost-type`";
        23 may EXTENDED "Constraints with an index are accepted where `max-cost-types` is announced";
        24 def ALL_HOLD "The constraints in `constraints` are combined by AND";
        25 must EITHER "A request with both `constraints` and `or-constraints` is rejected";
        26 def SYNTAX "A constraint is an optional index in brackets, an operator and a number";
        27 def DEFAULT_INDEX "A constraint without an index refers to index 0";
        28 def INDEX
            "An index refers to `testable-cost-types`, else to `multi-cost-types`, else to `cost-type`, and counts from 0";
        29 must ONLY_ONE "With `cost-type` alone, an index other than 0 is rejected";
        30 def RANGE "An index without a cost type is rejected";
        31 must TESTABLE
            "A constraint on a cost type that is not testable is rejected, even if `multi-cost-types` has that cost type";
        32 def MALFORMED "A malformed constraint is rejected";
        33 def ONE_GROUP "`constraints` is equivalent to `or-constraints` with a single inner array";
        34 def OR "`or-constraints` selects the pairs that meet all constraints of at least one inner array";
        35 may OR_TAKEN "`or-constraints` is accepted where `max-cost-types` and constraints are announced";
        36 must NOWHERE_ELSE "`or-constraints` is rejected where `max-cost-types` is announced without constraints";
        37 must NOT_EMPTY "`or-constraints` that is empty or has an empty inner array is rejected";
        38 may OR_WITH_ONE "`or-constraints` may be combined with `cost-type`; costs are then single values";
        39 def NOT_RETURNED "A constraint may refer to a cost that is not returned";
        40 def UNKNOWN "An undefined cost meets no constraint";
        41 def TEST_TYPES "Malformed arrays of constraints are rejected as RFC 7285 §8.5.2 defines";
    s4_1_3 "4.1.3":
        1 def SCALARS
            "For `cost-type`, the answer is that of RFC 7285: single values, `meta.cost-type`, no `multi-cost-types`";
        2 def EMPTY "In a multi-cost answer, `meta.cost-type` is an empty object";
        3 def LIST "`meta.multi-cost-types` has the requested cost types in the order of the request";
        4 def VALUES "Values are in the order of the request, each equal to the single-cost answer";
        5 must NULL "An undefined cost is null at its place in the array";
        6 may OMITTED "A pair without any defined cost is absent or has only null values";
        7 def TAGGED "A multi-cost map carries the version tag of its network map";
        8 def ONLY "The answer has only requested pairs that meet the constraints";
    s4_2_1 "4.2.1":
        1 def ENDPOINT_CAPABILITIES "An endpoint cost service announces multi-cost capabilities as a filtered cost map does";
    s4_2_2 "4.2.2":
        1 must ENDPOINT_REQUESTS
            "An endpoint cost service accepts and rejects the same multi-cost requests as a filtered cost map";
        2 must ENDPOINT_ARRAYS
            "For `multi-cost-types`, every endpoint cost is an array with one value for each cost type, in order";
        3 def ENDPOINTS "`endpoints` is required; one of its arrays may be empty and then stands for the client";
    s4_2_3 "4.2.3":
        1 def ENDPOINT_ANSWERS
            "Endpoint costs have the format of the request: single values, or arrays for `multi-cost-types`";
        2 must ENDPOINT_NULL "An undefined endpoint cost is null at its place in the array";
        3 may ENDPOINT_OMITTED "A pair of endpoints without any defined cost may be absent";

    @not_observable
        "4.1.2/22" "binds clients; how servers treat such constraints is graded by rfc7285/11.3.2.6/5";
}
