//! The model under judgement, with the region features inside its graph laid open.

use std::path::Path;

use miqa::engine::{Card, Model as Checked, Runtime, Scores};
use miqa::preprocess::Rgb288;

use super::EvaluateError;
use crate::export::model::FEATURES;
use crate::export::onnx::{Element, Extent, Model, ValueInfo};
use crate::export::session::ImageSession;

/// A model with a session of its own that also says what it read: features are computed once, for its score and for the regressions
/// that it is compared with.
pub(super) struct Opened {
    session: ImageSession,
    heads: Vec<String>,
    /// Name of the output, and how many distortions it names.
    distortion: Option<(String, usize)>,
}

impl Opened {
    /// Opens the model of a card with one thread, checked as the daemon does.
    pub(super) fn open(runtime: &Runtime, card: &Card) -> Result<Self, EvaluateError> {
        Checked::open(runtime, card, 1)?;
        let mut model = read(card)?;
        if let Some(graph) = &mut model.graph
            && graph.nodes.iter().any(|node| node.outputs.iter().any(|output| output == FEATURES))
        {
            let shape = ["batch", "features"].map(|name| Extent::Named(name.to_owned()));
            graph.outputs.push(ValueInfo::tensor(FEATURES, Element::F32, &shape));
        }
        let distortions = (card.output.distortion.clone(), card.output.distortions.len());
        Ok(Self {
            session: ImageSession::open(runtime, &card.name, &model, 1)?,
            heads: card.output.heads.clone(),
            distortion: (!distortions.0.is_empty()).then_some(distortions),
        })
    }

    /// Scores of a view, and the standardised region features behind them; none where the graph has no such value.
    pub(super) fn score(&mut self, view: &Rgb288) -> Result<(Scores, Vec<f32>), EvaluateError> {
        let mut outputs = self.session.run(view.as_bytes())?;
        // A score that is missing is as useless as one that is no number, and refused as such.
        let first = |values: Option<Vec<f32>>| values.and_then(|values| values.first().copied()).unwrap_or(f32::NAN);
        let heads = self.heads.iter().map(|head| first(outputs.remove(head))).collect();
        let distortions = match &self.distortion {
            Some((name, columns)) => outputs
                .remove(name)
                .filter(|values| values.len() == *columns)
                .unwrap_or_else(|| vec![f32::NAN; *columns]),
            None => Vec::new(),
        };
        Ok((Scores { heads, distortions }, outputs.remove(FEATURES).unwrap_or_default()))
    }
}

/// Mean and divisor by which a graph standardises its region features; none where it has no such values.
pub(super) fn standard(model: &Model, scope: &str) -> Option<[Vec<f32>; 2]> {
    let graph = model.graph.as_ref()?;
    let constant = |name: &str| {
        let name = format!("{scope}features/{name}");
        graph.initialisers.iter().find(|tensor| tensor.name == name)?.to_floats().ok()
    };
    Some([constant("mean")?, constant("divisor")?])
}

/// The graph of a card's model.
pub(super) fn read(card: &Card) -> Result<Model, EvaluateError> {
    Ok(Model::from_bytes(Path::new(&card.model_path()), &card.model_bytes().map_err(miqa::engine::EngineError::from)?)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use miqa::engine::Device;

    use super::*;
    use crate::export::Attention;
    use crate::export::convert::tests::small_model;
    use crate::export::graph::Storage;
    use crate::export::region::tests::{pictures, tiny_encoder};
    use crate::export::region::{Standard, build, groups};
    use crate::export::session::IMAGE_BYTES;
    use crate::hex::sha256_hex;

    /// The card of a fixture, with the file and outputs of another model.
    fn card(folder: &Path, model: &[u8], heads: &str, distortions: &str) -> Card {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny/card.toml");
        let mut text: toml::Table = toml::from_str(&std::fs::read_to_string(tiny).unwrap()).unwrap();
        let file = format!("name = \"model.onnx\"\nsha256 = \"{}\"\nbytes = {}", sha256_hex(model), model.len());
        let output = format!("heads = [{heads}]\ndistortion = \"distortion\"\ndistortions = [{distortions}]");
        text.insert("file".into(), toml::Value::Table(toml::from_str(&file).unwrap()));
        text.insert("output".into(), toml::Value::Table(toml::from_str(&output).unwrap()));
        text.insert("thresholds".into(), toml::Value::Table(toml::Table::new()));
        std::fs::write(folder.join("model.onnx"), model).unwrap();
        std::fs::write(folder.join("card.toml"), toml::to_string(&text).unwrap()).unwrap();
        Card::read(folder).unwrap()
    }

    #[test]
    fn a_model_tells_its_features_and_scores_as_ever() {
        let folder = tempfile::tempdir().unwrap();
        let model = small_model(Attention::Plain);
        let (heads, distortions) =
            ("\"cls_composite\", \"cls_consistency\"", "\"gaussian_noise\", \"fog\", \"darkness\"");
        let card = card(folder.path(), &model.to_bytes(), heads, distortions);
        let runtime = Runtime::open(Device::Cpu).unwrap();
        let mut opened = Opened::open(&runtime, &card).unwrap();
        let mut checked = Checked::open(&runtime, &card, 1).unwrap();

        let (encoders, region) = tiny_encoder();
        let width = groups(&region, &encoders).unwrap().iter().map(|group| group.width).sum();
        let own = standard(&read(&card).unwrap(), "region/").unwrap();
        assert_eq!(own, [vec![0.1; width], vec![0.7; width]]);
        let own = Standard { mean: own[0].clone(), divisor: own[1].clone() };
        let alone = build(&region, &encoders, Some(&own), Storage::Half).unwrap();
        assert_eq!(standard(&alone, ""), standard(&model, "region/"));
        let mut alone = ImageSession::open(&runtime, "region", &alone, 1).unwrap();

        for bytes in pictures(2).chunks(IMAGE_BYTES) {
            let view = Rgb288::from_bytes(bytes.to_vec()).unwrap();
            let (scores, features) = opened.score(&view).unwrap();
            let expected = checked.score(std::slice::from_ref(&view)).unwrap().remove(0);
            let all = |scores: &Scores| [scores.heads.clone(), scores.distortions.clone()].concat();
            let apart = all(&scores).iter().zip(all(&expected)).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
            assert!(apart < 1e-5, "{apart}");
            let expected = &alone.run(bytes).unwrap()["features"];
            assert_eq!(features.len(), width);
            assert!(features.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }

    #[test]
    fn a_model_without_a_region_branch_tells_nothing() {
        let tiny = Card::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny")).unwrap();
        assert_eq!(standard(&read(&tiny).unwrap(), "region/"), None);
        let runtime = Runtime::open(Device::Cpu).unwrap();
        let mut opened = Opened::open(&runtime, &tiny).unwrap();
        let grey = Rgb288::from_bytes(vec![128; IMAGE_BYTES]).unwrap();
        let (scores, features) = opened.score(&grey).unwrap();
        assert!(features.is_empty() && scores.heads.iter().all(|score| score.is_finite()));
    }
}
