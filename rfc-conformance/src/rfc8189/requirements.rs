//! Requirements of RFC 8189 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc8189"

    s3_5 "3.5":
        1 def SINGLE_BY_GET "A full cost map has single values, never arrays of several costs";
        2 def WHOLE "Without a filter, several costs are given for the whole map";
    s4_1 "4.1":
        1 def AS_BEFORE
            "A filtered cost map with several costs uses one network map, and is asked and answered in the types of RFC 7285";
    s4_1_1 "4.1.1":
        1 must EVERY "With `cost-constraints` true, tests are taken for every cost type";
        2 must EXCLUSIVE "`testable-cost-type-names` is not announced together with `cost-constraints` true";
        3 def MAX "`max-cost-types` is a number, and as many cost types can be asked for";
        4 def DEFAULT "Without `max-cost-types`, several costs at once are not answered";
        5 must TESTABLE "Every testable cost type name is one of the cost type names";
        6 def ONLY_TESTABLE
            "`testable-cost-type-names`, if present, has at least one name, and tests are for those names alone";
        7 def DEFINED "Cost types by whose names costs are announced are defined in the same directory";
    s4_1_2 "4.1.2":
        3 def NEITHER "Without any cost type a request is refused";
        4 def BOTH "`cost-type` and `multi-cost-types` together are refused";
        6 must ARRAYS "For `multi-cost-types` every cost is an array of as many values";
        8 def UNSUPPORTED "An unsupported one of several cost types is refused";
        11 def TOO_MANY "More cost types than `max-cost-types` are refused";
        12 def NONE "An empty list of cost types is refused";
        13 def ONE "A list of one cost type still gives arrays, of one value each";
        14 def TYPES "Lists of cost types that are malformed are refused as RFC 7285 §8.5.2 says";
        15 def DESCRIPTION "A description in one of several cost types is ignored";
        16 def PIDS
            "`pids` means what it does for one cost: empty lists stand for all, repeated and unknown names do nothing";
        20 def SUBSET "`testable-cost-types` with one that cannot be tested is refused";
        21 def WRITTEN_OUT "Without `testable-cost-types` tests are about `multi-cost-types`, or about `cost-type`";
        23 may EXTENDED "Tests with an index may be used where several costs are announced";
        24 def ALL_HOLD "All tests in `constraints` must hold";
        25 must EITHER "`constraints` and `or-constraints` together are refused";
        26 def SYNTAX "A test is an index in brackets or none, an operator and a number";
        27 def DEFAULT_INDEX "A test without an index means index 0";
        28 def INDEX
            "An index counts from 0 in `testable-cost-types`, else in `multi-cost-types`, else it is the only cost type";
        29 must ONLY_ONE "With `cost-type` alone, an index other than 0 is refused";
        30 def RANGE "An index that points to no cost type is refused";
        31 must TESTABLE
            "A test on a cost type that cannot be tested is refused, also where the index counts in `multi-cost-types`";
        32 def MALFORMED "What is no test is refused";
        33 def ONE_GROUP "`constraints` mean what `or-constraints` with one inner list do";
        34 def OR "`or-constraints` selects pairs that meet all of any inner list";
        35 may OR_TAKEN "`or-constraints` may be used where several costs and constraints are announced";
        36 must NOWHERE_ELSE "`or-constraints` are refused where several costs are announced, but no constraints";
        37 must NOT_EMPTY "`or-constraints` without an inner list, or with an empty one, are refused";
        38 may OR_WITH_ONE "`or-constraints` may be used with `cost-type`, and then costs are no arrays";
        39 def NOT_RETURNED "A cost may be tested without being returned";
        40 def UNKNOWN "A cost that is not known passes no test";
        41 def TEST_TYPES "Lists of tests that are malformed are refused as RFC 7285 §8.5.2 says";
    s4_1_3 "4.1.3":
        1 def SCALARS
            "For `cost-type` the answer is that of RFC 7285: single values, that cost type, no `multi-cost-types`";
        2 def EMPTY "With several costs `meta.cost-type` is an empty object";
        3 def LIST "`meta.multi-cost-types` is the list that was asked for, in its order";
        4 def VALUES "Values are in the order of the request, each as when asked for alone";
        5 must NULL "A cost that is not known is null in its place";
        6 may OMITTED "A pair of which no cost is known may be absent, or have null alone";
        7 def TAGGED "Several costs of a map carry the version tag of its network map";
        8 def ONLY "Only pairs that were asked for and pass the tests are returned";
    s4_2_1 "4.2.1":
        1 def OF_ENDPOINTS "An endpoint cost service announces several costs as a filtered cost map does";
    s4_2_2 "4.2.2":
        1 must ASKED_OF_ENDPOINTS
            "An endpoint cost service takes and refuses the same requests for several costs as a filtered cost map";
        2 must ARRAYS_OF_ENDPOINTS "For `multi-cost-types` every endpoint cost is an array of as many values, in order";
        3 def ENDPOINTS
            "`endpoints` is required, not both of its lists may be empty, and an empty one stands for the client";
    s4_2_3 "4.2.3":
        1 def SAID_OF_ENDPOINTS "Endpoint costs are answered in the shape of the request, one cost or several";
        2 must NULL_OF_ENDPOINTS "An endpoint cost that is not known is null in its place";
        3 may OMITTED_OF_ENDPOINTS "A pair of endpoints of which no cost is known may be absent";

    @not_observable
        "4.1.2/22" "binds clients; what a server does with such constraints is rfc7285/11.3.2.6/5";
}
