//! The example manifests on a real API server: what it takes, and what it refuses.

use std::fmt::Debug;
use std::time::Duration;

use http::{HeaderValue, Request};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams, ValidationDirective,
};
use kube::client::Body;
use kube::core::{GroupVersionKind, Status};
use kube::discovery::{self, Scope};
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Api, Client, CustomResourceExt, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/myapp/operator.rs"]
pub mod myapp;
#[allow(dead_code, reason = "a walk is more than one test needs")]
#[path = "../examples/one_off/tour.rs"]
pub mod tour;

use myapp::{MyApp, MyAppSpec};
use tour::objects::{Announcement, AnnouncementSpec};

const DEFINITIONS: [&str; 4] = [
    include_str!("../examples/book/crd.yaml"),
    include_str!("../examples/echo/crd.yaml"),
    include_str!("../examples/myapp/crd.yaml"),
    include_str!("../examples/one_off/crd.yaml"),
];
const SAMPLES: [&str; 4] = [
    include_str!("../examples/book/sample.yaml"),
    include_str!("../examples/echo/sample.yaml"),
    include_str!("../examples/myapp/sample.yaml"),
    include_str!("../examples/one_off/sample.yaml"),
];
const MANIFESTS: [&str; 2] = [
    include_str!("../examples/myapp/manifests/access.yaml"),
    include_str!("../examples/myapp/manifests/deployment.yaml"),
];
const PATIENCE: Duration = Duration::from_secs(60);

async fn client() -> Client {
    Client::try_default().await.expect("there is a kubeconfig")
}

/// The same server, seen from a namespace and, where one is named, as another user.
fn view(client: Client, namespace: &str, user: Option<String>) -> Client {
    let user = user.map(|user| HeaderValue::from_str(&user).expect("a user's name fits a header"));
    let service = tower::service_fn(move |mut request: Request<Body>| {
        if let Some(user) = &user {
            request.headers_mut().insert("impersonate-user", user.clone());
        }
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(service, namespace)
}

/// A client of a namespace that is new, with all definitions in place.
async fn scratch() -> (Client, String) {
    let client = client().await;
    for definition in DEFINITIONS {
        let definition: CustomResourceDefinition = serde_saphyr::from_str(definition).expect("it is one");
        let api = Api::<CustomResourceDefinition>::all(client.clone());
        let name = definition.name_any();
        api.patch(&name, &strict(), &Patch::Apply(&definition)).await.expect("it is accepted");
        until(api, &name, conditions::is_crd_established()).await;
    }
    let metadata = ObjectMeta { generate_name: Some("manifests-".to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let api = Api::<Namespace>::all(client.clone());
    let created = api.create(&PostParams::default(), &namespace).await.expect("a namespace is made");
    let name = created.name_any();
    (view(client, &name, None), name)
}

async fn clear(client: Client, namespace: &str) {
    let api = Api::<Namespace>::all(client);
    api.delete(namespace, &DeleteParams::default()).await.expect("the namespace goes");
}

fn strict() -> PatchParams {
    let mut params = PatchParams::apply("manifests").force();
    params.field_validation = Some(ValidationDirective::Strict);
    params
}

async fn until<K>(api: Api<K>, name: &str, condition: impl Condition<K>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let waited = tokio::time::timeout(PATIENCE, await_condition(api, name, condition)).await;
    waited.unwrap_or_else(|_| panic!("{name} is not as expected")).expect("it can be watched");
}

/// Applies every document as it stands, cluster-wide ones without keeping them.
async fn apply(client: &Client, yaml: &str) -> Vec<String> {
    let objects: Vec<DynamicObject> = serde_saphyr::from_multiple(yaml).expect("it is YAML");
    let mut kinds = Vec::new();
    for object in objects {
        let types = object.types.clone().expect("it says what it is");
        let gvk = GroupVersionKind::try_from(&types).expect("its apiVersion is one");
        let (resource, capabilities) =
            discovery::pinned_kind(client, &gvk).await.expect("the server knows the kind");
        let (api, params) = match capabilities.scope {
            Scope::Namespaced => {
                (Api::<DynamicObject>::default_namespaced_with(client.clone(), &resource), strict())
            }
            Scope::Cluster => (Api::all_with(client.clone(), &resource), strict().dry_run()),
        };
        api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await.expect("it is accepted");
        kinds.push(types.kind);
    }
    kinds
}

fn refusal<K: Debug>(outcome: kube::Result<K>) -> Box<Status> {
    match outcome {
        Err(kube::Error::Api(status)) => {
            assert_eq!(status.code, 422, "{status:?}");
            status
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn samples_and_manifests_are_accepted() {
    let (client, namespace) = scratch().await;
    let mut kinds = Vec::new();
    for yaml in SAMPLES.into_iter().chain(MANIFESTS) {
        kinds.extend(apply(&client, yaml).await);
    }
    let expected =
        ["Book", "Echo", "MyApp", "Announcement", "ServiceAccount", "Role", "RoleBinding", "Deployment"];
    assert_eq!(kinds, expected);
    clear(client, &namespace).await;
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn an_app_cannot_change_its_spec_nor_have_eleven_replicas() {
    let (client, namespace) = scratch().await;
    let apps = Api::<MyApp>::default_namespaced(client.clone());
    let create = async |name: &str, replicas| {
        let app = MyApp::new(name, MyAppSpec { spec: "small".to_owned(), replicas });
        apps.create(&PostParams::default(), &app).await
    };
    create("shop", 2).await.expect("it keeps all rules");
    let patch = async |spec| {
        apps.patch("shop", &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await
    };
    assert!(refusal(patch(json!({ "spec": "big" })).await).message.contains("spec is immutable"));
    let bounds = "replicas must be between 0 and 10";
    assert!(refusal(patch(json!({ "replicas": 11 })).await).message.contains(bounds));
    assert!(refusal(create("other", -1).await).message.contains(bounds));
    assert!(refusal(create("not.a.label", 1).await).message.contains("must be a DNS label"));
    patch(json!({ "replicas": 10 })).await.expect("ten are allowed");
    clear(client, &namespace).await;
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn there_is_no_second_announcement() {
    let (client, namespace) = scratch().await;
    let second = Announcement::new("another", AnnouncementSpec { message: "me too".to_owned() });
    let outcome = Api::<Announcement>::all(client.clone()).create(&PostParams::default(), &second).await;
    assert!(refusal(outcome).message.contains("its name is singleton"));
    clear(client, &namespace).await;
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn the_walk_comes_to_its_end_with_and_without_cert_manager() {
    let (client, namespace) = scratch().await;
    let before = tour::run(client.clone()).await.expect("the walk ends well");
    assert_eq!((before.greeting.as_str(), before.username.as_str()), ("hello", "ishmael"));
    assert!(before.refusal.contains("its name is singleton"), "{before}");
    assert_eq!(before.certificates, None);
    certificate(&client).await;
    let after = tour::run(client.clone()).await.expect("the walk ends well again");
    assert_eq!(after.certificates, Some(vec!["site (2030-01-01T00:00:00Z)".to_owned()]));
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let name = tour::objects::Certificate::crd_name();
    definitions.delete(name, &DeleteParams::default()).await.expect("the stand-in goes");
    clear(client, &namespace).await;
}

/// A certificate with more in it than we read, under a stand-in for cert-manager's definition.
async fn certificate(client: &Client) {
    let name = tour::objects::Certificate::crd_name();
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": name },
        "spec": { "group": "cert-manager.io", "scope": "Namespaced",
            "names": { "kind": "Certificate", "plural": "certificates" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } }] },
    });
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    definitions.patch(name, &strict(), &Patch::Apply(&definition)).await.expect("it is accepted");
    until(definitions, name, conditions::is_crd_established()).await;
    apply(
        client,
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: site}\n\
         spec: {secretName: site-tls, dnsNames: [site.example.com], issuerRef: {name: ca}}\n\
         status: {notAfter: '2030-01-01T00:00:00Z', renewalTime: '2029-12-01T00:00:00Z'}\n",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: just e2e"]
async fn the_role_is_all_that_the_operator_needs() {
    let (client, namespace) = scratch().await;
    apply(&client, MANIFESTS[0]).await;
    let user = format!("system:serviceaccount:{namespace}:myapp-operator");
    let limited = view(client.clone(), &namespace, Some(user));
    let pods = Api::<k8s_openapi::api::core::v1::Pod>::default_namespaced(limited.clone());
    let denied = pods.list(&ListParams::default()).await.expect_err("the role says nothing of Pods");
    assert!(matches!(&denied, kube::Error::Api(status) if status.is_forbidden()), "{denied}");
    let operator = tokio::spawn(myapp::run_as(limited, "the-test".to_owned()));
    apply(&client, SAMPLES[2]).await;
    let ready =
        |app: Option<&MyApp>| app.and_then(|app| app.status.as_ref()).is_some_and(|status| status.is_ready);
    until(Api::<MyApp>::default_namespaced(client.clone()), "shop", ready).await;
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    deployments.delete("shop", &DeleteParams::default()).await.expect("the Deployment goes");
    until(deployments, "shop", conditions::is_deployment_completed()).await;
    let events = Api::<Event>::default_namespaced(client.clone());
    let reporter = ListParams::default().fields("reportingController=myapp-operator");
    let told = events.list(&reporter).await.expect("events can be listed");
    assert!(told.iter().any(|event| event.reason.as_deref() == Some("Ready")), "{told:?}");
    operator.abort();
    clear(client, &namespace).await;
}
