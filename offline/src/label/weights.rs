//! How much each model counts: α of equations 4 and 5, and λ of equation 7.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miqa::config::nearest;
use serde::Serialize;

use super::zoo::{Zoo, ZooModel};

/// Where α comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alpha {
    /// In proportion to the models' benchmark performances, as in the paper.
    #[default]
    Performance,
    /// All alike.
    Equal,
    /// From a TOML file: `name = weight`, a line a model.
    Own(PathBuf),
}

/// Weights that can't be had; one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--alpha {file}: {reason}", file = file.display())]
pub struct AlphaError {
    file: PathBuf,
    reason: String,
}

impl std::str::FromStr for Alpha {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "performance" => Ok(Self::Performance),
            "equal" => Ok(Self::Equal),
            path if Path::new(path).extension().is_some_and(|end| end == "toml") => Ok(Self::Own(path.into())),
            other => Err(format!("`{other}`: give performance, equal or a .toml file with a weight a model")),
        }
    }
}

impl Alpha {
    /// Whether a file of weights, if there is one, can be read and names models of this zoo only.
    ///
    /// # Errors
    /// It can't be read, or names an unknown model.
    pub fn check(&self, zoo: &Zoo) -> Result<(), AlphaError> {
        let Self::Own(file) = self else { return Ok(()) };
        let known: Vec<&str> = zoo.models.iter().map(|model| model.name.as_str()).collect();
        let table = read(file)?;
        let Some(unknown) = table.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let hint = match nearest(unknown, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        let reason = format!("the zoo has no model `{unknown}`; {hint}");
        Err(AlphaError { file: file.clone(), reason })
    }

    /// The models' weights, summing to 1.
    ///
    /// # Errors
    /// The file can't be read, lacks a model, or has a weight that is negative or no number, or all are 0.
    pub fn weights(&self, models: &[&ZooModel]) -> Result<Vec<f64>, AlphaError> {
        let raw: Vec<f64> = match self {
            Self::Performance => models.iter().map(|model| model.performance).collect(),
            Self::Equal => vec![1.0; models.len()],
            Self::Own(file) => {
                let refuse = |reason: String| AlphaError { file: file.clone(), reason };
                let table = read(file)?;
                let weight = |model: &&ZooModel| match table.get(&model.name) {
                    Some(weight) if weight.is_finite() && *weight >= 0.0 => Ok(*weight),
                    Some(weight) => Err(refuse(format!("model `{}`: {weight} is no weight of 0 or more", model.name))),
                    None => Err(refuse(format!("has no weight for model `{}`", model.name))),
                };
                let weights = models.iter().map(weight).collect::<Result<Vec<f64>, _>>()?;
                if weights.iter().sum::<f64>() <= 0.0 {
                    return Err(refuse("all weights are 0".to_owned()));
                }
                weights
            }
        };
        let sum: f64 = raw.iter().sum();
        Ok(raw.into_iter().map(|weight| weight / sum).collect())
    }
}

/// The weights of a file by model.
fn read(file: &Path) -> Result<BTreeMap<String, f64>, AlphaError> {
    let refuse = |reason: String| AlphaError { file: file.to_owned(), reason };
    let text = std::fs::read_to_string(file).map_err(|e| refuse(e.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let (line, key, reason) = miqa::config::explained(&text, &error);
        let key = key.map_or(String::new(), |key| format!("{key}: "));
        refuse(format!("line {line}: {key}{reason}"))
    })
}

/// λ: how much consistency counts in the composite; accuracy has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lambda {
    /// λ1, 0..=1.
    pub consistency: f64,
    /// λ2 = 1 − λ1.
    pub accuracy: f64,
}

impl Default for Lambda {
    fn default() -> Self {
        Self { consistency: 0.5, accuracy: 0.5 }
    }
}

impl std::str::FromStr for Lambda {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once(',').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        match parsed {
            Some((consistency, accuracy))
                if consistency >= 0.0 && accuracy >= 0.0 && f64::abs(consistency + accuracy - 1.0) < 1e-9 =>
            {
                Ok(Self { consistency, accuracy })
            }
            _ => Err(format!("`{text}`: give two shares that sum to 1, of consistency and of accuracy, like 0.5,0.5")),
        }
    }
}

impl std::fmt::Display for Lambda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.consistency, self.accuracy)
    }
}

impl std::fmt::Display for Alpha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Performance => f.write_str("performance"),
            Self::Equal => f.write_str("equal"),
            Self::Own(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::zoo::Zoo;

    #[test]
    fn weights_sum_to_one_whatever_their_scale() {
        let zoo = Zoo::read(&[]).unwrap();
        let models: Vec<&ZooModel> = zoo.models.iter().collect();
        let folder = tempfile::tempdir().unwrap();
        let own = |scale: f64| {
            let path = folder.path().join(format!("{scale}.toml"));
            let lines = models.iter().enumerate().map(|(i, m)| format!("{} = {:?}\n", m.name, scale * i as f64));
            std::fs::write(&path, lines.collect::<String>()).unwrap();
            path.display().to_string().parse::<Alpha>().unwrap()
        };
        for alpha in [Alpha::Performance, Alpha::Equal, own(0.5)] {
            assert!((alpha.weights(&models).unwrap().iter().sum::<f64>() - 1.0).abs() < 1e-12, "{alpha}");
        }
        assert_eq!(Alpha::Equal.weights(&models[..4]).unwrap(), [0.25; 4]);
        // α scaled by a constant changes nothing.
        assert_eq!(own(0.5).weights(&models).unwrap(), own(4.0).weights(&models).unwrap());
        let path = folder.path().join("bad.toml");
        for (text, part) in [("x = 1.0", "efficientnet_lite0"), ("efficientnet_lite0 = -1.0", "-1"), ("x", "expected")]
        {
            std::fs::write(&path, text).unwrap();
            let refused = Alpha::Own(path.clone()).weights(&models).unwrap_err().to_string();
            assert!(refused.contains(part) && refused.contains("bad.toml"), "{refused}");
        }
        let all: String = models.iter().map(|model| format!("{} = 1.0\n", model.name)).collect();
        for (line, part) in [("efficientnet_lite9 = 1.0", "did you mean `efficientnet_lite"), ("x = 1", "squeezenet")] {
            std::fs::write(&path, format!("{all}{line}\n")).unwrap();
            let refused = Alpha::Own(path.clone()).check(&zoo).unwrap_err().to_string();
            assert!(refused.contains(part) && refused.contains("bad.toml"), "{refused}");
        }
        std::fs::write(&path, &all).unwrap();
        assert_eq!(Alpha::Own(path.clone()).check(&zoo), Ok(()));
        std::fs::write(&path, "a = 1.0\nb = \"much\"\n").unwrap();
        let refused = Alpha::Own(path).check(&zoo).unwrap_err().to_string();
        assert!(refused.contains("line 2: b: ") && refused.contains("a number without quotes"), "{refused}");
        assert!("heavy".parse::<Alpha>().is_err());
    }

    #[test]
    fn shares_sum_to_one() {
        assert_eq!("1,0".parse::<Lambda>().unwrap(), Lambda { consistency: 1.0, accuracy: 0.0 });
        assert_eq!("0.3, 0.7".parse::<Lambda>().unwrap().accuracy, 0.7);
        for bad in ["1", "0.5,0.6", "-1,2", "a,b"] {
            assert!(bad.parse::<Lambda>().unwrap_err().contains("sum to 1"), "{bad}");
        }
    }
}
