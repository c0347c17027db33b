//! Requirements of RFC 9112 on servers, as far as RFC 7285 §8.3 does not state them, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9112"

    s2_2 "2.2":
        1 should EMPTY_LINE "An empty line before a request is ignored";
    s3 "3":
        1 def BAD_LINE "Invalid request lines are rejected with 400";
        2 should LONG_TARGET "A request target of 8000 octets is read, and one that is too long is rejected with 4xx";
    s4 "4":
        1 def STATUS_LINE "A status line consists of version, space, status code, space and reason";
    s5 "5":
        1 def LONG_FIELDS "Long and numerous header fields are read or rejected with 4xx";
        2 def FIELD_LINES "Fields of answers have a name, a colon and a value without control characters, in one line each";
    s6_1 "6.1":
        1 must BOTH_LENGTHS "After a request with both Transfer-Encoding and Content-Length, the connection ends";
        2 must NO_CHUNKS "An answer to HTTP/1.0 has no Transfer-Encoding";
    s6_2 "6.2":
        1 must ONE_LENGTH "An answer does not have both Transfer-Encoding and Content-Length";
    s6_3 "6.3":
        1 must OVERFLOW "A Content-Length beyond all numbers is rejected with 4xx";
        2 def EXTRA "Bytes after the body are not part of it";
        3 def EXACT "Nothing follows the body of the last answer on a connection";
    s7_1 "7.1":
        1 must BAD_CHUNKS "Invalid chunks are rejected with 4xx";
    s8 "8":
        1 def INCOMPLETE "A client that leaves before the end of its body does no harm";
    s9_3 "9.3":
        1 must AFTER_ERROR
            "After an error that came before the end of the body, the connection goes on, or the error announced its end";
    s9_6 "9.6":
        1 must CLOSES "A connection ends after the answer to a request that says close";

    @not_observable
}
