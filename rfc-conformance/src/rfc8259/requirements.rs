//! Requirements of RFC 8259 on servers that read JSON, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc8259"

    s6 "6":
        1 def NUMBERS "No number in a request makes the server fail";
    s7 "7":
        1 def STRINGS "No string in a request makes the server fail";
    s8_1 "8.1":
        1 may BYTE_ORDER_MARK "A byte order mark before a request is ignored or rejected";
        2 def NOT_UTF8 "Bytes that are no UTF-8 do not make the server fail";
    s8_2 "8.2":
        1 def SURROGATES "No unpaired surrogate in a request makes the server fail";

    @not_observable
}
