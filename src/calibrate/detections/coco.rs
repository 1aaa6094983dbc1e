//! COCO's form: `images` and `annotations` in one object, or a list of results whose `image_id` is the file's name.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Detections, DetectionsError, checked, name};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: Value,
    file_name: String,
}

#[derive(Deserialize)]
struct Category {
    id: u32,
    name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Value,
    category_id: u32,
    bbox: [f32; 4],
    score: f32,
}

/// An id that may be a number or a text.
fn id(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn parse(value: Value) -> Result<Detections, DetectionsError> {
    let wrong = |error: serde_json::Error| DetectionsError::Coco(error.to_string());
    let listed = value.is_array();
    let File { images, annotations, categories } = if listed {
        let annotations = serde_json::from_value(value).map_err(wrong)?;
        File { images: vec![], annotations, categories: vec![] }
    } else {
        serde_json::from_value(value).map_err(wrong)?
    };
    let names: HashMap<String, String> =
        images.iter().map(|image| (id(&image.id), name(&image.file_name).to_owned())).collect();
    let classes: HashMap<u32, &str> = categories.iter().map(|category| (category.id, category.name.as_str())).collect();
    let mut all = Detections::default();
    // Pictures on which nothing was seen have no annotation.
    all.pictures.extend(names.values().map(|name| (name.clone(), Vec::new())));
    for Annotation { image_id, category_id, bbox, score } in annotations {
        let image = id(&image_id);
        let picture = match names.get(&image) {
            Some(name) => name.clone(),
            None if listed && image_id.is_string() => name(&image).to_owned(),
            None => {
                return Err(DetectionsError::Coco(format!("image {image} of an annotation is not among the images")));
            }
        };
        let class = classes.get(&category_id).map_or_else(|| category_id.to_string(), |name| (*name).to_owned());
        let detection = checked(class, score, bbox).map_err(DetectionsError::Coco)?;
        all.pictures.entry(picture).or_default().push(detection);
    }
    Ok(all)
}
