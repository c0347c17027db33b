//! Certificates and keys in files, for servers with TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// File name of the certificate.
pub const CERTIFICATE: &str = "cert.pem";
/// File name of the certificate's key.
pub const KEY: &str = "key.pem";

/// Writes a self-signed certificate for `localhost` and its key to a folder. Returns the certificate in DER.
pub fn self_signed(folder: &Path) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join(CERTIFICATE), made.cert.pem()).unwrap();
    std::fs::write(folder.join(KEY), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().to_vec()
}

/// Writes a certificate for these names, signed by an authority of its own, and its key to a folder. Returns the
/// authority's certificate in PEM.
pub fn signed_by_authority(folder: &Path, names: &[&str]) -> String {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join(CERTIFICATE), certificate.pem()).unwrap();
    std::fs::write(folder.join(KEY), key.serialize_pem()).unwrap();
    authority.pem()
}
