"""What users type: shown at the end of ``--help``, and by ``isdbench`` alone."""

FIRST = """examples:
  isdbench run table1                            Table 1 on synthetic images, 15 to 20 minutes
  isdbench run --systems isdnet,stdc             two systems beside each other
  isdbench measure isdnet --size 2448x2448       speed and memory of one system at one size
  isdbench predict isdnet --weights FILE IMAGE... --out DIR
  isdbench report --records results/records      tables, plots, audit and dashboard

'isdbench COMMAND --help' has more of them."""

EXAMPLES = {
    "systems": "isdbench systems --json | jq '.[].name'",
    "datasets": "isdbench datasets",
    "data": """isdbench data init FOLDER                              describe a folder of yours in FOLDER/dataset.toml
isdbench data verify --dataset deepglobe --root DIR    check every file
isdbench data synth --out DIR --size 612x612           make synthetic images""",
    "run": """isdbench run table1                                    all systems of Table 1, profile first
isdbench run table1 --systems 'unet*,isdnet' --only cost
isdbench run table1 --systems '!fctl,!cascadepsp'      all but two
isdbench run table1 --dataset deepglobe --root DIR --profile lite
isdbench run --systems isdnet,smp:Unet/resnet34 --dataset FOLDER/dataset.toml
The same command again continues where it stopped.""",
    "plan": """isdbench plan table1                                   what 'isdbench run table1' would take
isdbench plan table1 --dataset deepglobe --root DIR --profile paper --seeds 3 --machines 8""",
    "figure": "isdbench figure figure5 --profile desk",
    "evaluate": "isdbench evaluate isdnet --weights FILE --dataset deepglobe --root DIR",
    "predict": """isdbench predict isdnet --weights FILE IMAGES/ --out DIR
isdbench predict unet-local --weights FILE mosaic.tif --out DIR --memory-budget 4
isdbench predict isdnet --weights FILE mosaic.tif --out DIR --probabilities --polygons
isdbench predict glnet --weights FILE mosaic.tif --out DIR --tile 2448""",
    "export": """isdbench export isdnet --weights FILE isdnet.onnx
isdbench export unet-local --weights FILE patch.onnx    one patch pass, to logits
isdbench export isdnet --weights FILE isdnet.pt2        torch.export, without further libraries
isdbench export isdnet --weights FILE small.onnx --int8 --root DIR     in 8 bits, calibrated on images""",
    "measure": """isdbench measure isdnet --size 2448x2448
isdbench measure isdnet --size 1024x1024 --engine onnx --device cpu    or openvino, onnx-int8, openvino-int8
isdbench measure smp:Unet/resnet34 --size 1024x2048 --device cuda --precision fp16""",
    "profile": "isdbench profile isdnet --size 2448x2448",
    "sweep": "isdbench sweep isdnet,stdc",
    "convert": "isdbench convert isdnet OFFICIAL.pth OUT.safetensors",
    "new": "isdbench new system mynet",
    "check": "isdbench check mynet",
    "rerun": "isdbench rerun results/records/accuracy-stdc-*.json",
    "compare": "isdbench compare base/records head/records",
    "interleave": "isdbench interleave BASE_ENV HEAD_ENV --systems isdnet --out turns",
    "report": """isdbench report --records results/records --out out
isdbench report --tables table1,table3 --no-figures""",
    "records": """isdbench records validate out/records --beside results/records
isdbench records gc""",
    "audit": "isdbench audit",
}


def epilog(command: str) -> str:
    """The examples of a command, indented."""
    return "examples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command].splitlines())
