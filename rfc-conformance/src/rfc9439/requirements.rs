//! Requirements of RFC 9439 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9439"

    s1 "1":
        1 def ANNOUNCED "Every metric that is answered is announced";
        2 def ROUTINGCOST "Metrics are offered in addition to `routingcost`, not instead of it";
    s3_1 "3.1":
        1 def SHAPE "`cost-context` is an object with a string `cost-source` and optionally `parameters`";
        2 must SOURCES "`cost-source` is `nominal`, `sla` or `estimation`";
        3 def ALPHABET "`cost-source` consists of [0-9A-Za-z]";
        4 must NO_KEY "No two cost types of a resource have the same metric and mode, whatever their contexts";
        6 should SLA "The parameters of source `sla` have a `link`, the URI of the agreement";
        7 def MATCHING "A cost type is requested by metric and mode; the context in a request is ignored";
    s3_2 "3.2":
        1 def FORM "A metric string is a base metric, optionally followed by a colon and one operator";
        2 must LENGTH "A metric string has at most 32 characters";
        3 must OPERATOR
            "An operator is cur, min, max, median, mean, stddev, stdvar or a percentile; others are rejected";
        4 must PERCENTILE "A percentile is `p` and a decimal number from 0 to 100; others are rejected";
        5 should PLAIN_NAMES "`min`, `median` and `max` are used instead of p0, p50 and p100";
        7 must MEDIAN "A metric without an operator has the values of its median";
        8 def ORDERED
            "Statistics are ordered: minimum, ascending percentiles, maximum; deviation and variance are not negative";
    s4_1_2 "4.1.2":
        1 must DELAY "`delay-ow` is a non-negative number of microseconds";
        2 def MICROSECONDS "The unit of `delay-ow` is the microsecond";
    s4_1_4 "4.1.4":
        1 should FROM_LINKS "The parameters of source `estimation` describe how the estimate is made";
        2 should FROM_IPPM "The parameters of a measured metric name the registered performance metric by its URI";
        3 must DELAY "The registered performance metric of `delay-ow` is a one-way delay with the same statistic";
    s4_2_2 "4.2.2":
        1 must ROUND_TRIP "`delay-rt` is a non-negative number of microseconds";
    s4_2_3 "4.2.3":
        1 def BOTH_WAYS "`delay-rt` is a round-trip delay and therefore the same in both directions";
    s4_2_4 "4.2.4":
        1 must ROUND_TRIP
            "The registered performance metric of `delay-rt` is a round-trip delay with the same statistic";
    s4_3_2 "4.3.2":
        1 must VARIATION "`delay-variation` is a non-negative number of microseconds";
    s4_3_4 "4.3.4":
        1 must VARIATION
            "The registered performance metric of `delay-variation` is a delay variation with the same statistic";
    s4_4_2 "4.4.2":
        1 must LOSS "`lossrate` is a percentage from 0 to 100";
    s4_4_4 "4.4.4":
        1 must LOSS "The registered performance metric of `lossrate` is a loss ratio with the same statistic";
    s4_5_2 "4.5.2":
        1 must HOPS "`hopcount` is a non-negative integer";
    s4_5_4 "4.5.4":
        1 should HOP "The parameters of `hopcount` define a hop";
    s5_1_2 "5.1.2":
        1 must THROUGHPUT "`tput` is a non-negative number of bytes per second";
    s5_1_4 "5.1.4":
        1 should NOT_NOMINAL "The source of `tput` is not `nominal`";
        2 should NOT_SLA "The source of `tput` is not `sla`";
        3 should CONGESTION "The parameters of `tput` name a `congestion-control-algorithm` by its URI";
    s5_2_2 "5.2.2":
        1 def RESIDUAL "`bw-residual` is a non-negative number of bytes per second";
    s5_2_3 "5.2.3":
        1 def RESIDUAL "`bw-residual` without an operator is the current value";
    s5_3_2 "5.3.2":
        1 def AVAILABLE "`bw-available` is a non-negative number of bytes per second";
    s5_3_3 "5.3.3":
        1 def AVAILABLE "`bw-available` without an operator is the current value, and does not exceed `bw-residual`";
    s6_2 "6.2":
        1 should MODIFIED "`Last-Modified` states how fresh the costs of a metric are";
    s6_3 "6.3":
        1 must ESTIMATED "`routingcost` with a context has the source `estimation`";
    s6_4_1 "6.4.1":
        1 may EXPIRES "`Expires`, if present, states when costs are next determined, and is in the future";
    s8 "8":
        1 def REGISTERED "Metrics are registered or begin with `priv:`";

    @not_observable
        "7/1" "covered by rfc7285/8.3.5/1";
        "7/2" "is a decision of operators about disclosure";
}
