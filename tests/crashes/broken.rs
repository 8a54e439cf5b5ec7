use super::{Done, Look};
use futures::FutureExt;
use kube::{ResourceExt, api::PostParams};
use serde_json::json;

/// Two changes behind one check, and the first of them makes the check pass.
pub fn guard_first(look: Look) -> Done {
    async move {
        let want = look.app.spec.size.to_string();
        if look.value("set").await?.is_some_and(|size| size != want) {
            look.delete("set").await?;
            look.apply("claim", &want).await?;
        }
        if look.value("claim").await?.is_none() {
            look.create("claim", &want).await?;
        }
        match look.value("set").await? {
            None => look.create("set", &want).await,
            Some(_) => Ok(()),
        }
    }
    .boxed()
}

/// That a change is wanted is seen by comparing with what the first step overwrites.
pub fn lost_flag(look: Look) -> Done {
    async move {
        let want = look.app.spec.config.clone();
        let mut out_of_sync = look.status().out_of_sync == Some(true);
        if look.value("config").await?.as_ref() != Some(&want) {
            look.apply("config", &want).await?;
            look.set(json!({"outOfSync": true})).await?;
            out_of_sync = true;
        }
        if out_of_sync {
            super::tolerated(look.delete("pod").await)?;
            look.set(json!({"outOfSync": false})).await?;
        }
        match look.value("pod").await? {
            None => look.create("pod", &want).await,
            Some(_) => Ok(()),
        }
    }
    .boxed()
}

/// A phase that demands the object which it deletes.
pub fn phase_needs_object(look: Look) -> Done {
    async move {
        match look.status().phase.as_deref() {
            None => {
                super::tolerated(look.create("pod", "1").await)?;
                look.set(json!({"phase": "Running"})).await
            }
            Some("Running") if look.app.spec.size > 1 => look.set(json!({"phase": "Ongoing"})).await,
            Some("Ongoing") => {
                look.delete("pod").await?;
                look.set(json!({"phase": "Finalizing"})).await
            }
            _ => Ok(()),
        }
    }
    .boxed()
}

/// Two objects behind one existence check.
pub fn pair_behind_one_check(look: Look) -> Done {
    async move {
        if look.value("ssl").await?.is_none() {
            look.create("ssl", "key").await?;
            look.create("ssl-internal", "key").await?;
        }
        Ok(())
    }
    .boxed()
}

/// A generated name that is only remembered after it was used.
pub fn generated_name(look: Look) -> Done {
    async move {
        if look.status().job.is_some() {
            return Ok(());
        }
        let mut job = look.child("job", "1");
        (job.metadata.name, job.metadata.generate_name) = (None, Some("job-".to_owned()));
        let made = look.maps().create(&PostParams::default(), &job).await?;
        look.set(json!({"job": made.name_any()})).await
    }
    .boxed()
}

/// The finalizer goes before what it is there for.
pub fn finalizer_before_cleanup(look: Look) -> Done {
    async move {
        if look.app.metadata.deletion_timestamp.is_some() {
            look.finalizers(&[]).await?;
            return super::tolerated(look.delete("outside").await);
        }
        look.finalizers(&["example.com/small"]).await?;
        super::mended::outside(&look).await
    }
    .boxed()
}

/// What exists already is an error, and the rest is never done.
pub fn already_exists_is_fatal(look: Look) -> Done {
    async move {
        if look.status().ready == Some(true) {
            return Ok(());
        }
        look.create("child", "1").await?;
        look.set(json!({"ready": true})).await
    }
    .boxed()
}

/// The next step is done only by the process that remembers the one before.
pub fn progress_in_memory(look: Look) -> Done {
    async move {
        let name = look.app.name_any();
        if look.value("first").await?.is_none() {
            look.create("first", "1").await?;
            look.memory.lock().expect("nobody panics with it").insert(name.clone(), true);
        }
        let mine = look.memory.lock().expect("nobody panics with it").remove(&name).is_some();
        if mine { look.create("second", "1").await } else { Ok(()) }
    }
    .boxed()
}
