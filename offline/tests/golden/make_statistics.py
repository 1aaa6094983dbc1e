"""Writes statistics.json: reference values for offline/src/evaluate.

Run in this folder: python3 make_statistics.py
Made with numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, scikit-image 0.26.0.
"""

import json

import numpy as np
from scipy import ndimage, optimize, stats
from skimage.metrics import structural_similarity
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(20260)
PENALTIES = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]


def short(values, digits=6):
    return [round(float(v), digits) for v in values]


def correlation(name, prediction, label):
    prediction, label = short(prediction), short(label)
    p, l = np.array(prediction), np.array(label)
    return {
        "name": name,
        "prediction": prediction,
        "label": label,
        "srcc": float(stats.spearmanr(p, l).statistic),
        "plcc": float(stats.pearsonr(p, l).statistic),
        "krcc": float(stats.kendalltau(p, l, variant="b").statistic),
        "rmse": float(np.sqrt(np.mean((p - l) ** 2))),
    }


def curve(q, a1, a2, a3, a4, a5):
    return a1 * (0.5 - 1 / (1 + np.exp(a2 * (q - a3)))) + a4 * q + a5


def logistic(name, prediction, label):
    """The best of many starts of SciPy's Levenberg-Marquardt."""
    prediction, label = short(prediction), short(label)
    p, l = np.array(prediction), np.array(label)
    best = None
    for slope in (0.3, 1, 3, 8, 20):
        for centre in np.quantile(p, (0.1, 0.3, 0.5, 0.7, 0.9)):
            start = [np.ptp(l), slope / p.std(), centre, 0, l.mean()]
            try:
                with np.errstate(over="ignore"):
                    found, _ = optimize.curve_fit(curve, p, l, start, maxfev=200_000, ftol=1e-14, xtol=1e-14)
            except RuntimeError:
                continue
            mapped = curve(p, *found)
            error = float(np.sqrt(np.mean((mapped - l) ** 2)))
            if best is None or error < best[0]:
                best = (error, float(stats.pearsonr(mapped, l).statistic))
    if best is None:
        return None
    return {"name": name, "prediction": prediction, "label": label, "rmse": best[0], "plcc": best[1]}


def limit(name, prediction, label):
    """Labels for which the least squares have no minimum: the best exponential or cubic, both limits of logistics."""
    prediction, label = short(prediction), short(label)
    p, l = np.array(prediction), np.array(label)

    def fit(*columns):
        columns = np.stack([np.ones_like(p), p, *columns], 1)
        mapped = columns @ np.linalg.lstsq(columns, l, rcond=None)[0]
        return float(np.sqrt(np.mean((mapped - l) ** 2))), mapped

    def exponential(rate):
        return fit(np.exp(rate * (p - p.max() if rate > 0 else p - p.min())))

    fits = [fit(p**2, p**3)]
    for low, high in ((-30, -0.01), (0.01, 30)):
        grid = -np.geomspace(-low, -high, 200) if low < 0 else np.geomspace(low, high, 200)
        start = min(grid, key=lambda rate: exponential(rate)[0])
        found = optimize.minimize_scalar(
            lambda rate: exponential(rate)[0], bounds=sorted((start * 0.9, start * 1.1)), method="bounded",
            options={"xatol": 1e-10},
        )
        fits.append(exponential(found.x))
    error, mapped = min(fits, key=lambda found: found[0])
    attained = logistic(name, prediction, label)  # None where SciPy does not settle from any start
    print(name, error, attained and attained["rmse"])
    assert attained is None or attained["rmse"] > error - 1e-9, name
    return {
        "name": name, "prediction": prediction, "label": label, "limit": True, "rmse": error,
        "plcc": float(stats.pearsonr(mapped, l).statistic),
    }


def ssim(name, x, y):
    value = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    height, width = x.shape
    return {
        "name": name, "width": width, "height": height,
        "x": x.tobytes().hex(), "y": y.tobytes().hex(), "ssim": float(value),
    }


def pictures():
    rows, columns = np.mgrid[0:34, 0:45]
    smooth = 128 + 70 * np.sin(columns / 5) * np.cos(rows / 7) + 30 * ((rows // 8 + columns // 8) % 2)
    x = np.clip(smooth, 0, 255).astype(np.uint8)
    noisy = np.clip(x + rng.normal(0, 25, x.shape), 0, 255).astype(np.uint8)
    blurred = ndimage.gaussian_filter(x.astype(float), 2).astype(np.uint8)
    dark = np.clip(x.astype(int) - 90, 0, 255).astype(np.uint8)
    flat = np.full_like(x, 250)
    return [
        ssim("noise", x, noisy), ssim("blur", x, blurred), ssim("darkness", x, dark),
        ssim("flat and bright", flat, np.where(columns % 9 == 0, flat - 3, flat).astype(np.uint8)),
    ]


def roc(name, score, positive):
    score = short(score)
    return {
        "name": name, "score": score, "positive": [bool(v) for v in positive],
        "auc": float(roc_auc_score(positive, score)), "ap": float(average_precision_score(positive, score)),
    }


def ridge():
    """Grouped cross-validation by scikit-learn, each training part standardised by itself."""
    rows, columns, folds = 60, 8, 5
    group = np.arange(rows) // 3
    features = np.array(
        short(rng.normal(0, 1, (rows, columns)).ravel() * np.tile([1, 10, 0.1, 5, 1, 1, 2, 0.5], rows)
              + np.tile([0, 100, 0, 3, -2, 0, 0, 9], rows), 3),
        dtype=np.float32,
    ).reshape(rows, columns)
    wide = features.astype(np.float64)
    truth = (wide - wide.mean(0)) / wide.std(0) @ np.array([0.4, -0.3, 0.2, 0, 0, 0, 0, 0.1])
    label = np.array(short(truth + rng.normal(0, 0.6, rows)))

    def fit(x, y, penalty):
        scaler = StandardScaler().fit(x)
        model = Ridge(alpha=penalty * len(y), solver="cholesky").fit(scaler.transform(x), y)
        return lambda z: model.predict(scaler.transform(z))

    def left_out(penalty):
        out = np.zeros(rows)
        for fold in range(folds):
            test = group % folds == fold
            out[test] = fit(wide[~test], label[~test], penalty)(wide[test])
        return float(stats.spearmanr(out, label).statistic)

    scores = [left_out(penalty) for penalty in PENALTIES]
    # The last of equal ones, as Iterator::max_by has it.
    best = max(range(len(PENALTIES)), key=lambda i: (scores[i], i))
    return {
        "rows": rows, "columns": columns, "folds": folds,
        "features": [float(v) for v in features.ravel().astype(str)],
        "label": label.tolist(), "group": group.tolist(),
        "penalty": PENALTIES[best], "cross_validated_srcc": scores[best],
        "prediction": fit(wide, label, PENALTIES[best])(wide).tolist(),
    }


def limits():
    """Each prediction twice, its labels on both sides of the curve: no logistic can do better by following chance."""
    own = np.random.default_rng(20261)
    x, noise = np.repeat(short(own.uniform(0, 1, 45)), 2), np.repeat(own.normal(0, 0.05, 45), 2) * np.tile([1, -1], 45)
    return [
        limit("exponential", x, 0.9 - 0.7 * np.exp(-3 * x) + noise),
        limit("rising exponential", x, 0.1 + 0.02 * np.exp(3.5 * x) + noise),
        limit("parabola", x, 0.2 + 0.9 * x - 0.5 * x**2 + noise),
        limit("cubic", x, 0.5 + 2 * (x - 0.4) ** 3 - 0.3 * x + noise),
    ]


def main():
    label = rng.uniform(0, 1, 50)
    near = label + rng.normal(0, 0.2, 50)
    classes = np.round(label * 9) / 9
    psnr = np.concatenate([rng.uniform(8, 30, 60), rng.uniform(30, 48, 20)])
    quality = np.clip(1 / (1 + np.exp(-(psnr - 20) / 3)) + rng.normal(0, 0.1, 80), 0, 1)
    bent = rng.uniform(-1, 1, 60)
    positive = rng.uniform(0, 1, 60) < 0.3
    statistics = {
        "correlations": [
            correlation("no ties", near, label),
            correlation("ties in the label", near, classes),
            correlation("ties in both", np.round(near * 4) / 4, classes),
            correlation("falling", -near, classes),
        ],
        "logistic": [
            logistic("psnr", psnr, quality),
            logistic("falling", -psnr, quality),
            logistic("nearly straight", bent, 0.3 * bent + 0.5 + rng.normal(0, 0.05, 60)),
            logistic("step", bent, (bent > 0.2) + rng.normal(0, 0.1, 60)),
            *limits(),
        ],
        "ssim": pictures(),
        "roc": [
            roc("scattered", positive * 0.6 + rng.normal(0, 0.5, 60), positive),
            roc("ties", np.round(positive * 0.6 + rng.normal(0, 0.5, 60)), positive),
        ],
        "ridge": ridge(),
    }
    with open("statistics.json", "w", encoding="utf-8") as file:
        json.dump(statistics, file, separators=(",", ":"))
        file.write("\n")


main()
