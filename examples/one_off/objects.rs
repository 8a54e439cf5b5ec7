//! Types of one's own for objects of other people, and one resource that exists once.
#![allow(unreachable_pub, reason = "KubeSchema repeats the struct inside a function")]

use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{ObjectMeta, TypeMeta};
use kube::{CustomResource, KubeSchema, Resource};
use serde::{Deserialize, Serialize};

/// A ConfigMap of which the keys are known.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = ConfigMap)]
pub struct Settings {
    /// The apiVersion and kind, which a server-side apply must carry.
    #[serde(flatten)]
    pub types: Option<TypeMeta>,
    /// The object's own name and place.
    pub metadata: ObjectMeta,
    /// The keys.
    pub data: SettingsData,
}

/// The keys of [`Settings`].
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct SettingsData {
    /// What to say first.
    pub greeting: String,
}

/// A Secret of which the keys are known.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = Secret)]
pub struct Credentials {
    /// The apiVersion and kind, which a server-side apply must carry.
    #[serde(flatten)]
    pub types: Option<TypeMeta>,
    /// The object's own name and place.
    pub metadata: ObjectMeta,
    /// The keys.
    pub data: CredentialsData,
}

/// The keys of [`Credentials`].
#[derive(Serialize, Deserialize, Clone)]
pub struct CredentialsData {
    /// Who.
    pub username: ByteString,
    /// The proof, which no log ever shows.
    pub password: ByteString,
}

impl fmt::Debug for CredentialsData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsData").finish_non_exhaustive()
    }
}

/// What we read of a certificate of cert-manager, which installs the definition itself.
///
/// Fields that are not named here are lost on the way in, so this type is for reading:
/// writing it back whole would take them away.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "cert-manager.io",
    version = "v1",
    kind = "Certificate",
    namespaced,
    schema = "disabled",
    status = "CertificateStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// Where key and certificate are kept.
    pub secret_name: String,
}

/// What we read of the state of a certificate.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// When it ends.
    pub not_after: Option<Time>,
}

/// A certificate of which nothing matters but its end.
#[derive(Resource, Serialize, Deserialize, Clone, Debug)]
#[resource(inherit = Certificate)]
pub struct Expiry {
    /// The object's own name and place.
    pub metadata: ObjectMeta,
    /// When it ends.
    #[serde(default)]
    pub status: CertificateStatus,
}

/// The one thing that the whole cluster is told; there is at most one, named `singleton`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Announcement",
    doc = "The one thing that the whole cluster is told.",
    cel,
    validation = Rule::new("self.metadata.name == 'singleton'")
        .message("there is one Announcement, and its name is singleton")
)]
pub struct AnnouncementSpec {
    /// What it says.
    pub message: String,
}
