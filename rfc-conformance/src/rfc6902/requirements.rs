//! Requirements of RFC 6902 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc6902"

    s3 "3":
        1 def ARRAY "The document is an array of operations applied in order";
    s4 "4":
        1 must OPERATION
            "Each operation has exactly one `op` out of add, remove, replace, move, copy, test and exactly one `path`";
    s4_1 "4.1":
        1 must ADD "`add`: parent exists; array index ≤ length; `-` appends; existing member is replaced";
    s4_2 "4.2":
        1 def EXISTING "`remove`, `replace`, and the source of `move`/`copy` need an existing location";
    s4_4 "4.4":
        1 must INTO_ITSELF "`move` never goes into its own child";

    @not_observable
}
