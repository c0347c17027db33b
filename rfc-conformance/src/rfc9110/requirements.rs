//! Requirements of RFC 9110 on servers, as far as other documents do not state them for ALTO, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9110"

    s5_1 "5.1":
        1 should UNKNOWN_FIELDS "Fields that a server does not know are ignored";
    s5_3 "5.3":
        1 must SINGLE_FIELDS "A field that is no list occurs once in an answer";
    s6_6_1 "6.6.1":
        1 must DATE "Every answer has a `Date` field with an HTTP date";
    s8_3 "8.3":
        1 def TYPE_FORMS "No form of Content-Type makes the server fail";
    s8_4 "8.4":
        1 def CODED "A compressed answer is the plain one after decoding";
    s8_6 "8.6":
        1 must HEAD_LENGTH "Content-Length in an answer to HEAD is that of the answer to GET";
        2 must NO_LENGTH "An answer with status 204 has no Content-Length";
    s8_8_2 "8.8.2":
        1 must LAST_MODIFIED "`Last-Modified` is an HTTP date that is not later than `Date`";
    s8_8_3 "8.8.3":
        1 def TAG_SYNTAX "An entity tag is a quoted string, after `W/` if it is weak";
        2 must DISTINCT_TAGS "Different representations have different strong entity tags";
        3 should STABLE_TAGS "The entity tag stays the same as long as the content does";
    s9_1 "9.1":
        1 def METHOD_CASE "Methods are case-sensitive";
    s9_3_2 "9.3.2":
        1 must HEAD_CONTENT "An answer to HEAD has no content";
        2 should HEAD_FIELDS "Fields in an answer to HEAD are those of the answer to GET";
    s12_5_1 "12.5.1":
        1 def ACCEPT_FORMS "No form of Accept makes the server fail";
        2 def MOST_SPECIFIC "The most specific range of Accept that matches a media type decides on it";
    s12_5_3 "12.5.3":
        1 def EXCLUDED_CODING "A content coding that Accept-Encoding excludes is not used";
    s12_5_5 "12.5.5":
        1 should VARY "An answer that depends on Accept-Encoding names it in `Vary`";
    s13_1_1 "13.1.1":
        1 must MATCHED "If-Match with the current strong entity tag, in a list or as `*`, gets the answer";
        2 must NOT_MATCHED "If-Match with other entity tags, or with weak ones, does not get the answer";
    s13_1_2 "13.1.2":
        1 must OTHER_TAG "If-None-Match with another entity tag gets the whole answer";
        2 must TAG_LIST "If-None-Match with a list that has the current entity tag gets 304";
        3 must WEAK_TAG "If-None-Match compares entity tags weakly";
        4 must ANY_TAG "If-None-Match: * gets 304 where there is an answer";
    s13_1_3 "13.1.3":
        1 must INVALID_DATE "If-Modified-Since with an invalid date is ignored";
        2 must TAG_FIRST "If-Modified-Since is ignored where If-None-Match is present";
    s13_1_5 "13.1.5":
        1 must IF_RANGE "A range is ignored if If-Range has another entity tag";
    s14_2 "14.2":
        1 must RANGE_UNITS "A range in units that a server does not know is ignored";
        2 def RANGE_FORMS "No form of Range makes the server fail";
    s15_3_7 "15.3.7":
        1 must PARTIAL "A partial answer has the requested bytes, and `Content-Range` says which these are";
        2 must PARTIAL_FIELDS "A partial answer has the `ETag` and `Vary` of the whole answer";
    s15_4_5 "15.4.5":
        1 must NO_CONTENT "An answer with status 304 has no content";
        2 must TAG_AGAIN "An answer with status 304 has the `ETag` and `Vary` of the whole answer";

    @not_observable
}
