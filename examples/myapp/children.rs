//! What a `MyApp` owns: a Deployment and a Service, both named after it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, PodSpec, PodTemplateSpec, Service, ServicePort, ServiceSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Resource, ResourceExt};

use super::resource::MyApp;

const IMAGE: &str = "inanimate/echo-server";
const PORT_NAME: &str = "http";

/// The Deployment that an app asks for.
pub fn deployment(app: &MyApp) -> Deployment {
    let container = Container {
        name: "app".to_owned(),
        image: Some(IMAGE.to_owned()),
        env: Some(vec![EnvVar {
            name: "MYAPP_SPEC".to_owned(),
            value: Some(app.spec.spec.clone()),
            ..EnvVar::default()
        }]),
        ports: Some(vec![ContainerPort {
            name: Some(PORT_NAME.to_owned()),
            container_port: 8080,
            ..ContainerPort::default()
        }]),
        ..Container::default()
    };
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels(app)), ..ObjectMeta::default() }),
        spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
    };
    Deployment {
        metadata: metadata(app),
        spec: Some(DeploymentSpec {
            replicas: Some(app.spec.replicas),
            selector: LabelSelector { match_labels: Some(labels(app)), ..LabelSelector::default() },
            template,
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// The Service that an app asks for.
pub fn service(app: &MyApp) -> Service {
    let port = ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port: 80,
        target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: metadata(app),
        spec: Some(ServiceSpec {
            selector: Some(labels(app)),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn metadata(app: &MyApp) -> ObjectMeta {
    ObjectMeta {
        name: Some(app.name_any()),
        namespace: app.namespace(),
        labels: Some(labels(app)),
        owner_references: app.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

fn labels(app: &MyApp) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name".to_owned(), "myapp".to_owned()),
        ("app.kubernetes.io/instance".to_owned(), app.name_any()),
    ]
    .into()
}
