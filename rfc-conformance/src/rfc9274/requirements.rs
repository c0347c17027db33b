//! Requirements of RFC 9274 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9274"

    s3_2 "3.2":
        1 must MODE_LENGTH "A cost mode has at most 32 characters";
        2 must MODE_ALPHABET "A cost mode consists of [0-9A-Za-z:_-]";
        3 must MODE_KNOWN "A cost mode is registered or begins with `priv:`";
    s4 "4":
        1 def UNSUPPORTED_MODE "An unsupported cost mode is rejected with E_INVALID_FIELD_VALUE";

    @not_observable
        "3.1/1" "binds readers of a directory";
        "3.1/2" "binds authors of extensions";
}
