use super::{
    fieldset::FieldSet,
    managers::{Id, Managers, Owner},
};
use serde_json::Value;

const SCALE: &str = "autoscaling/v1";
const IN_SCALE: &str = "spec.replicas";

/// The `managedFields` of an object as those of its `Scale`: who owns the number at `path`, spelled
/// `spec.replicas`, in the version `version` of the object.
pub fn scale_managers(list: &Value, path: &str, version: &str) -> Value {
    let path = FieldSet::of_fields(&[path]);
    let managers = Managers::decode(list).unwrap_or_default().0.into_iter();
    let owning = managers.filter(|(_, owner)| owner.version == version && owns(owner, &path));
    let scaled = owning.map(|(id, owner)| {
        let id = Id { update: id.update.map(|_| SCALE.to_owned()), ..id };
        let fields = FieldSet::of_fields(&[IN_SCALE]);
        (id, Owner { version: SCALE.to_owned(), fields, ..owner })
    });
    Value::Array(Managers(scaled.collect()).encode())
}

/// The `managedFields` of an object whose `Scale` was written and has those of `scale` now. A server does not
/// note when that was.
pub fn scaled_managers(list: &Value, scale: &Value, path: &str, version: &str) -> Value {
    let (path, in_scale) = (FieldSet::of_fields(&[path]), FieldSet::of_fields(&[IN_SCALE]));
    let before = Managers::decode(list).unwrap_or_default();
    let mut scale = Managers::decode(scale).unwrap_or_default();
    let mut after = Managers::default();
    for (id, owner) in before.0 {
        // Only appliers are told apart without a version: they alone are found again.
        if owner.version == version && owns(&owner, &path) && scale.0.remove(&id).is_none() {
            let fields = owner.fields.difference(&path);
            if !fields.is_empty() {
                after.0.insert(id, Owner { fields, ..owner });
            }
            continue;
        }
        after.0.insert(id, owner);
    }
    for (id, _) in scale.0.into_iter().filter(|(_, owner)| owns(owner, &in_scale)) {
        let owner = Owner { version: version.to_owned(), time: None, fields: path.clone() };
        after.0.insert(id, owner);
    }
    Value::Array(after.encode())
}

fn owns(owner: &Owner, path: &FieldSet) -> bool {
    !owner.fields.intersection(path).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_scales_owns_the_number_alone_and_without_a_time() {
        let list = json!([{
            "manager": "a", "operation": "Update", "apiVersion": "apps/v1", "time": "t", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}},
        }]);
        let scale = scale_managers(&list, "spec.replicas", "apps/v1");
        assert_eq!((&scale[0]["manager"], &scale[0]["apiVersion"]), (&json!("a"), &json!("autoscaling/v1")));
        let other = json!([{
            "manager": "b", "operation": "Update", "apiVersion": "autoscaling/v1", "subresource": "scale",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }]);
        let after = scaled_managers(&list, &other, "spec.replicas", "apps/v1");
        assert_eq!(after[0]["manager"], "b");
        assert_eq!((&after[0]["apiVersion"], after[0].get("time")), (&json!("apps/v1"), None));
        assert_eq!(after[1]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
    }
}
