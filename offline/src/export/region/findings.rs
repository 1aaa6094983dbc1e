use crate::export::graph::{GraphBuilder, Value};
use crate::export::onnx::Attribute;

/// Places that are looked at, those of the largest probabilities.
const LEADERS: i64 = 64;
/// Ranks whose probability is a feature, as a logarithm.
const RANKS: [i64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Ranks whose probability is a feature as it is.
const PLAIN_RANKS: [i64; 3] = [1, 4, 16];
/// Added before logarithms and divisions: probabilities below it say the same.
const FLOOR: f32 = 1e-3;

/// Number of features a view: ln p of the 1st, 2nd, 4th, … 64th place, p of the 1st, 4th and 16th, and Σp² / Σp over the 64.
/// Neighbouring places that find the same object all count, so ranks say how large and how many what is found is.
pub(super) const FINDINGS_WIDTH: usize = 11;

/// Number of comparison features of a view with the first one: Σpq / Σp² and Σ p·min(p, q) / Σ p·max(p, q) over all places,
/// p of a place's likeliest class in the first view, q of the same place and class in the other.
pub(super) const FINDINGS_AGREEMENT_WIDTH: usize = 2;

/// What a detector finds in one view.
pub(super) struct Findings {
    /// [N, [`FINDINGS_WIDTH`]].
    pub(super) features: Value,
    /// Probability of every class in every place, [N, places, classes].
    probability: Value,
    /// Of the likeliest class, [N, places, 1].
    best: Value,
    /// That class, [N, places, 1].
    class: Value,
}

/// Probabilities by rank, from places [N, places, numbers].
pub(super) fn findings(b: &mut GraphBuilder, rows: &Value, objectness: bool) -> Findings {
    let probability = if objectness {
        let (object, classes) = (columns(b, rows, 4, 5), columns(b, rows, 5, i64::MAX));
        b.op("Mul", &[&classes, &object], vec![])
    } else {
        columns(b, rows, 4, i64::MAX)
    };
    let axis = b.ints(&[2]);
    let best = b.op("ReduceMax", &[&probability, &axis], vec![Attribute::of_int("keepdims", 1)]);
    let class = b.op("ArgMax", &[&probability], vec![Attribute::of_int("axis", 2), Attribute::of_int("keepdims", 1)]);
    let flat = b.op("Flatten", &[&best], vec![Attribute::of_int("axis", 1)]);
    let k = b.ints(&[LEADERS]);
    let leaders = b.node("", "TopK", &[&flat, &k], vec![Attribute::of_int("axis", 1)], 2).remove(0);
    let of_ranks = |b: &mut GraphBuilder, values: &Value, ranks: &[i64]| {
        let at: Vec<i64> = ranks.iter().map(|rank| rank - 1).collect();
        let at = b.ints(&at);
        b.op("Gather", &[values, &at], vec![Attribute::of_int("axis", 1)])
    };
    let floor = b.scalar(FLOOR);
    let raised = b.op("Add", &[&leaders, &floor], vec![]);
    let log = b.op("Log", &[&raised], vec![]);
    let squares = b.op("Mul", &[&leaders, &leaders], vec![]);
    let axis = b.ints(&[1]);
    let sum = |b: &mut GraphBuilder, v: &Value| b.op("ReduceSum", &[v, &axis], vec![Attribute::of_int("keepdims", 1)]);
    let (above, below) = (sum(b, &squares), sum(b, &raised));
    let sure = b.op("Div", &[&above, &below], vec![]);
    let (log, plain) = (of_ranks(b, &log, &RANKS), of_ranks(b, &leaders, &PLAIN_RANKS));
    let features = b.op("Concat", &[&log, &plain, &sure], vec![Attribute::of_int("axis", 1)]);
    Findings { features, probability, best, class }
}

/// How far what is found in a view follows what was found in the first: [N, [`FINDINGS_AGREEMENT_WIDTH`]].
pub(super) fn agreement(b: &mut GraphBuilder, first: &Findings, other: &Findings) -> Value {
    let p = &first.best;
    let q = b.op("GatherElements", &[&other.probability, &first.class], vec![Attribute::of_int("axis", 2)]);
    let (floor, axes) = (b.scalar(FLOOR), b.ints(&[1]));
    // Σ p·x over places, [N, 1].
    let weighted = |b: &mut GraphBuilder, x: &Value| {
        let product = b.op("Mul", &[p, x], vec![]);
        let flat = b.op("Flatten", &[&product], vec![Attribute::of_int("axis", 1)]);
        let sum = b.op("ReduceSum", &[&flat, &axes], vec![Attribute::of_int("keepdims", 1)]);
        b.op("Add", &[&sum, &floor], vec![])
    };
    let (less, more) = (b.op("Min", &[p, &q], vec![]), b.op("Max", &[p, &q], vec![]));
    let (kept, all) = (weighted(b, &q), weighted(b, p));
    let (common, either) = (weighted(b, &less), weighted(b, &more));
    let (kept, common) = (b.op("Div", &[&kept, &all], vec![]), b.op("Div", &[&common, &either], vec![]));
    b.op("Concat", &[&kept, &common], vec![Attribute::of_int("axis", 1)])
}

fn columns(b: &mut GraphBuilder, rows: &Value, from: i64, to: i64) -> Value {
    let (start, end, axis) = (b.ints(&[from]), b.ints(&[to]), b.ints(&[2]));
    b.op("Slice", &[rows, &start, &end, &axis], vec![])
}
