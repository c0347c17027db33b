//! Registration of this peer in the registry of an ALTO server, and queries to that registry.

mod backoff;
mod registry_client;
mod renewal;
mod saved;

pub use registry_client::{RegistryClient, RegistryError};
pub use renewal::{RegistrationStatus, Renewal, RenewalSettings};
pub use saved::SavedRegistration;
