use super::{Done, Look, tolerated};
use futures::FutureExt;
use kube::api::PostParams;
use serde_json::json;

pub fn guard_first(look: Look) -> Done {
    async move {
        let want = look.app.spec.size.to_string();
        look.apply("claim", &want).await?;
        if look.value("set").await?.is_some_and(|size| size != want) {
            look.delete("set").await?;
        }
        tolerated(look.create("set", &want).await)
    }
    .boxed()
}

pub fn lost_flag(look: Look) -> Done {
    async move {
        let want = look.app.spec.config.clone();
        look.apply("config", &want).await?;
        if look.value("pod").await?.is_some_and(|config| config != want) {
            tolerated(look.delete("pod").await)?;
        }
        tolerated(look.create("pod", &want).await)?;
        look.set(json!({"outOfSync": false})).await
    }
    .boxed()
}

pub fn phase_needs_object(look: Look) -> Done {
    async move {
        match look.status().phase.as_deref() {
            None => {
                tolerated(look.create("pod", "1").await)?;
                look.set(json!({"phase": "Running"})).await
            }
            Some("Running") if look.app.spec.size > 1 => look.set(json!({"phase": "Ongoing"})).await,
            Some("Ongoing") => {
                tolerated(look.delete("pod").await)?;
                look.set(json!({"phase": "Finalizing"})).await
            }
            _ => Ok(()),
        }
    }
    .boxed()
}

pub fn pair_behind_one_check(look: Look) -> Done {
    async move {
        tolerated(look.create("ssl", "key").await)?;
        tolerated(look.create("ssl-internal", "key").await)
    }
    .boxed()
}

pub fn generated_name(look: Look) -> Done {
    async move {
        if look.status().job.is_some() {
            return Ok(());
        }
        tolerated(look.create("job-of-app", "1").await)?;
        look.set(json!({"job": "job-of-app"})).await
    }
    .boxed()
}

pub fn finalizer_before_cleanup(look: Look) -> Done {
    async move {
        if look.app.metadata.deletion_timestamp.is_some() {
            tolerated(look.delete("outside").await)?;
            return tolerated(look.finalizers(&[]).await);
        }
        look.finalizers(&["example.com/small"]).await?;
        outside(&look).await
    }
    .boxed()
}

/// Something that no owner reference takes away.
pub async fn outside(look: &Look) -> Result<(), kube::Error> {
    let mut map = look.child("outside", "1");
    map.metadata.owner_references = None;
    tolerated(look.maps().create(&PostParams::default(), &map).await.map(drop))
}

pub fn already_exists_is_fatal(look: Look) -> Done {
    async move {
        tolerated(look.create("child", "1").await)?;
        look.set(json!({"ready": true})).await
    }
    .boxed()
}

pub fn progress_in_memory(look: Look) -> Done {
    async move {
        tolerated(look.create("first", "1").await)?;
        tolerated(look.create("second", "1").await)
    }
    .boxed()
}
