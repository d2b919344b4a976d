def bottleneck(width):
    """down → activation → up; starts as no change, since `up` is zero."""
    narrow = max(1, width // REDUCTION_FACTOR)
    down, up = torch.nn.Linear(width, narrow), torch.nn.Linear(narrow, width)
    torch.nn.init.normal_(down.weight, std=0.01)
    for value in (down.bias, up.weight, up.bias):
        torch.nn.init.zeros_(value)
    return torch.nn.Sequential(down, {"gelu": torch.nn.GELU, "relu": torch.nn.ReLU, "silu": torch.nn.SiLU}[ACTIVATION](), up)


for place in PLACES:  # behind these layers a narrow network joins the residual stream
    layer = model.get_submodule(place)
    width = layer.out_features if hasattr(layer, "out_features") else layer.nf
    layer.add_module("bottleneck", bottleneck(width).to(layer.weight))
    layer.register_forward_hook(lambda layer, inputs, output: output + layer.bottleneck(output))
