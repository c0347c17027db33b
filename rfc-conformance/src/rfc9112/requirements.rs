//! Requirements of RFC 9112 on servers, as far as RFC 7285 §8.3 does not state them, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9112"

    s3 "3":
        1 def BAD_LINE "Invalid request lines are rejected with 400";
        2 should LONG_TARGET "A request target of 8000 octets is read, and one that is too long is rejected with 4xx";
    s5 "5":
        1 def LONG_FIELDS "Long and numerous header fields are read or rejected with 4xx";
    s6_1 "6.1":
        1 must BOTH_LENGTHS "After a request with both Transfer-Encoding and Content-Length, the connection ends";
    s6_3 "6.3":
        1 must OVERFLOW "A Content-Length beyond all numbers is rejected with 4xx";
        2 def EXTRA "Bytes after the body are not part of it";
    s7_1 "7.1":
        1 must BAD_CHUNKS "Invalid chunks are rejected with 4xx";
    s8 "8":
        1 def INCOMPLETE "A client that leaves before the end of its body does no harm";
    s9_3 "9.3":
        1 must AFTER_ERROR
            "After an error that came before the end of the body, the connection goes on, or the error announced its end";

    @not_observable
}
