//! A walk through a cluster that stops at every way of naming a type.

#[path = "objects.rs"]
pub mod objects;

use std::fmt::{self, Debug};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams, TypeMeta,
};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::{self, Condition, await_condition, conditions};
use kube::{Api, Client, CustomResourceExt, Resource, ResourceExt, discovery};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::objects::{Announcement, AnnouncementSpec, Credentials, CredentialsData};
use self::objects::{Expiry, Settings, SettingsData};

/// The name under which fields are owned.
pub const MANAGER: &str = "one-off";

const NAME: &str = "one-off";
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the walk ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API server refused, or was not reached.
    #[error("failed to {step}: {error}")]
    Request {
        /// What was being done.
        step: &'static str,
        /// What the API server said.
        #[source]
        error: kube::Error,
    },
    /// An object could not be watched.
    #[error("failed to wait for {name}: {error}")]
    Wait {
        /// The object's name.
        name: String,
        /// What the watch said.
        #[source]
        error: wait::Error,
    },
    /// An object did not come to be as it should; is its controller running?
    #[error("{name} was not as expected within {} s", PATIENCE.as_secs())]
    Timeout {
        /// The object's name.
        name: String,
    },
    /// The API server took a second singleton.
    #[error("a second Announcement was accepted; install examples/one_off/crd.yaml as it is")]
    SecondSingleton,
    /// The server has no Deployments.
    #[error("the API group apps has no Deployment")]
    NoDeployments,
}

/// What was seen on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The Pods of the namespace and their phases.
    pub pods: Vec<String>,
    /// What our typed ConfigMap says.
    pub greeting: String,
    /// Whom our typed Secret is about.
    pub username: String,
    /// When the certificates end; `None` where cert-manager is not installed.
    pub certificates: Option<Vec<String>>,
    /// Why there is no second singleton.
    pub refusal: String,
    /// The Deployments of the namespace, found without their type.
    pub deployments: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certificates = self.certificates.as_ref().map(|ends| ends.join(", "));
        writeln!(f, "pods:         {}", self.pods.join(", "))?;
        writeln!(f, "settings:     {}", self.greeting)?;
        writeln!(f, "credentials:  {}", self.username)?;
        writeln!(f, "certificates: {}", certificates.as_deref().unwrap_or("cert-manager is not installed"))?;
        writeln!(f, "singleton:    {}", self.refusal)?;
        write!(f, "deployments:  {}", self.deployments.join(", "))
    }
}

/// Walks through the client's default namespace, and takes away again what it brought but
/// the definition of `Announcement`.
///
/// # Errors
///
/// The step that failed.
pub async fn run(client: Client) -> Result<Report, Error> {
    Ok(Report {
        pods: pods(&client).await?,
        greeting: settings(&client).await?,
        username: credentials(&client).await?,
        certificates: certificates(&client).await?,
        refusal: singleton(&client).await?,
        deployments: deployments(&client).await?,
    })
}

async fn pods(client: &Client) -> Result<Vec<String>, Error> {
    let pods = Api::<Pod>::default_namespaced(client.clone());
    let list = pods.list(&ListParams::default()).await.map_err(request("list the Pods"))?;
    Ok(list.iter().map(|pod| format!("{} ({})", pod.name_any(), phase(pod))).collect())
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")
}

async fn settings(client: &Client) -> Result<String, Error> {
    let data = SettingsData { greeting: "hello".to_owned() };
    let settings = Settings { types: types::<Settings>(), metadata: metadata(), data };
    Ok(apply_and_delete(client, settings).await?.data.greeting)
}

async fn credentials(client: &Client) -> Result<String, Error> {
    let data = CredentialsData {
        username: ByteString(b"ishmael".to_vec()),
        password: ByteString(b"not-a-real-password".to_vec()),
    };
    let credentials = Credentials { types: types::<Credentials>(), metadata: metadata(), data };
    let stored = apply_and_delete(client, credentials).await?;
    Ok(String::from_utf8_lossy(&stored.data.username.0).into_owned())
}

/// Applies an object, waits for its end after deleting it, and returns it as it was stored.
async fn apply_and_delete<K>(client: &Client, object: K) -> Result<K, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + 'static,
{
    let api = Api::<K>::default_namespaced(client.clone());
    let applied = api
        .patch(NAME, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object))
        .await
        .map_err(request("apply a typed object"))?;
    api.delete(NAME, &DeleteParams::default()).await.map_err(request("delete a typed object"))?;
    let uid = applied.uid().unwrap_or_default();
    until(api, NAME, conditions::is_deleted(&uid)).await?;
    Ok(applied)
}

async fn certificates(client: &Client) -> Result<Option<Vec<String>>, Error> {
    let certificates = Api::<Expiry>::default_namespaced(client.clone());
    match certificates.list(&ListParams::default()).await {
        Ok(list) => Ok(Some(list.iter().map(expiry).collect())),
        // By code: an unknown path is answered in plain words, without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(request("list the certificates")(error)),
    }
}

fn expiry(certificate: &Expiry) -> String {
    let end = certificate.status.not_after.as_ref();
    let end = end.map_or_else(|| "not issued".to_owned(), |time| time.0.to_string());
    format!("{} ({end})", certificate.name_any())
}

async fn singleton(client: &Client) -> Result<String, Error> {
    define(client).await?;
    let announcements = Api::<Announcement>::all(client.clone());
    let spec = AnnouncementSpec { message: "thar she blows".to_owned() };
    let first = Announcement::new("singleton", spec.clone());
    announcements
        .patch("singleton", &PatchParams::apply(MANAGER).force(), &Patch::Apply(&first))
        .await
        .map_err(request("apply the singleton"))?;
    let second = announcements.create(&PostParams::default(), &Announcement::new("another", spec)).await;
    announcements
        .delete("singleton", &DeleteParams::default())
        .await
        .map_err(request("delete the singleton"))?;
    match second {
        Ok(_) => Err(Error::SecondSingleton),
        Err(kube::Error::Api(status)) if status.is_invalid() => Ok(status.message),
        Err(error) => Err(request("try a second singleton")(error)),
    }
}

async fn define(client: &Client) -> Result<(), Error> {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    definitions
        .patch(
            Announcement::crd_name(),
            &PatchParams::apply(MANAGER).force(),
            &Patch::Apply(Announcement::crd()),
        )
        .await
        .map_err(request("apply the definition"))?;
    until(definitions, Announcement::crd_name(), conditions::is_crd_established()).await
}

async fn deployments(client: &Client) -> Result<Vec<String>, Error> {
    let group = discovery::group(client, "apps").await.map_err(request("discover the group apps"))?;
    let (resource, _) = group.recommended_kind("Deployment").ok_or(Error::NoDeployments)?;
    let deployments = Api::<DynamicObject>::default_namespaced_with(client.clone(), &resource);
    let list = deployments.list(&ListParams::default()).await.map_err(request("list the Deployments"))?;
    Ok(list.iter().map(describe).collect())
}

fn describe(deployment: &DynamicObject) -> String {
    let replicas = deployment.data.pointer("/spec/replicas").and_then(serde_json::Value::as_i64);
    format!("{} ({} replicas)", deployment.name_any(), replicas.unwrap_or(1))
}

/// A wait has no end of its own.
async fn until<K>(api: Api<K>, name: &str, condition: impl Condition<K>) -> Result<(), Error>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let name_owned = || name.to_owned();
    match tokio::time::timeout(PATIENCE, await_condition(api, name, condition)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Error::Wait { name: name_owned(), error }),
        Err(_) => Err(Error::Timeout { name: name_owned() }),
    }
}

fn request(step: &'static str) -> impl Fn(kube::Error) -> Error {
    move |error| Error::Request { step, error }
}

fn types<K: Resource<DynamicType = ()>>() -> Option<TypeMeta> {
    Some(TypeMeta::resource::<K>())
}

fn metadata() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}
