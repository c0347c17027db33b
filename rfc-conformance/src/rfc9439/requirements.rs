//! Requirements of RFC 9439 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9439"

    s1 "1":
        1 def ANNOUNCED "A metric that is answered is announced";
        2 def ROUTINGCOST "Metrics are offered beside `routingcost`, not in its place";
    s3_1 "3.1":
        1 def SHAPE "`cost-context` is an object with a string `cost-source`; `parameters` may be beside it";
        2 must SOURCES "`cost-source` is `nominal`, `sla` or `estimation`";
        3 def ALPHABET "`cost-source` is made of [0-9A-Za-z]";
        4 must NO_KEY "One resource has no two cost types of the same metric and mode, whatever their contexts";
        6 should SLA "The parameters of `sla` have a `link`, the URI of its definition";
        7 def MATCHING "A cost type is asked for by metric and mode: what context a request has does not matter";
    s3_2 "3.2":
        1 def FORM "A metric string is a metric, or a metric, a colon and one operator";
        2 must LENGTH "A metric string has at most 32 characters";
        3 must OPERATOR
            "An operator is cur, min, max, median, mean, stddev, stdvar or a percentile; others are refused";
        4 must PERCENTILE
            "A percentile is `p` and a number from 0 to 100, digits perhaps with a fraction; others are refused";
        5 should PLAIN_NAMES "`min`, `median` and `max` are used instead of p0, p50 and p100";
        7 must MEDIAN "A metric without an operator and its median are the same";
        8 def ORDERED
            "Statistics of a metric are in order: minimum, percentiles by their numbers, maximum; none scatters below 0";
    s4_1_2 "4.1.2":
        1 must DELAY "`delay-ow` is a number of microseconds, never negative";
        2 def MICROSECONDS "The unit of `delay-ow` is the microsecond";
    s4_1_4 "4.1.4":
        1 should FROM_LINKS "The parameters of an estimation say how it is made";
        2 should FROM_IPPM "Parameters name a registered performance metric by its URI where that is what was measured";
        3 must DELAY
            "A registered performance metric in the parameters of `delay-ow` is a one-way delay of that statistic";
    s4_2_2 "4.2.2":
        1 must ROUND_TRIP "`delay-rt` is a number of microseconds, never negative";
    s4_2_3 "4.2.3":
        1 def BOTH_WAYS "`delay-rt` is the delay there and back, so the same from both ends";
    s4_2_4 "4.2.4":
        1 must ROUND_TRIP
            "A registered performance metric in the parameters of `delay-rt` is a round-trip delay of that statistic";
    s4_3_2 "4.3.2":
        1 must VARIATION "`delay-variation` is a number of microseconds, never negative";
    s4_3_4 "4.3.4":
        1 must VARIATION
            "A registered performance metric in the parameters of `delay-variation` is one of that and of that statistic";
    s4_4_2 "4.4.2":
        1 must LOSS "`lossrate` is a percentage from 0 to 100";
    s4_4_4 "4.4.4":
        1 must LOSS
            "A registered performance metric in the parameters of `lossrate` is one of loss and of that statistic";
    s4_5_2 "4.5.2":
        1 must HOPS "`hopcount` is a whole number, never negative";
    s4_5_4 "4.5.4":
        1 should HOP "The parameters of `hopcount` say what a hop is";
    s5_1_2 "5.1.2":
        1 must THROUGHPUT "`tput` is a number of bytes per second, never negative";
    s5_1_4 "5.1.4":
        1 should NOT_NOMINAL "`tput` is never `nominal`";
        2 should NOT_SLA "`tput` is never of an `sla`";
        3 should CONGESTION "The parameters of `tput` name its `congestion-control-algorithm` by a URI";
    s5_2_2 "5.2.2":
        1 def RESIDUAL "`bw-residual` is a number of bytes per second, never negative";
    s5_2_3 "5.2.3":
        1 def RESIDUAL "`bw-residual` without an operator is the current value";
    s5_3_2 "5.3.2":
        1 def AVAILABLE "`bw-available` is a number of bytes per second, never negative";
    s5_3_3 "5.3.3":
        1 def AVAILABLE
            "`bw-available` without an operator is the current value, and no more than what is there at all";
    s6_2 "6.2":
        1 should MODIFIED "`Last-Modified` says how fresh the costs of a metric are";
    s6_3 "6.3":
        1 must ESTIMATED "`routingcost` with a context has the source `estimation`";
    s6_4_1 "6.4.1":
        1 may EXPIRES "`Expires` may say when costs will be determined anew, which is not before";
    s8 "8":
        1 def REGISTERED "Metrics are registered, or their names begin with `priv:`";

    @not_observable
        "7/1" "covered by rfc7285/8.3.5/1";
        "7/2" "a decision of operators about what to disclose to whom";
}
