//! Parsers of header fields of `alto-server`.

#[path = "../../../alto-server/src/http/digest.rs"]
pub(crate) mod digest;
#[path = "../../../alto-server/src/http/digest_user.rs"]
mod digest_user;
#[path = "../../../alto-server/src/http/negotiation.rs"]
pub(crate) mod negotiation;
#[path = "../../../alto-server/src/http/nonce.rs"]
pub(crate) mod nonce;
