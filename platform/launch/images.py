"""`python -m launch.images`: the stack's images in the registry, and the registry proxy beside them.

Needs the registry and the engine. Prints one JSON object {name, builder, run, run_name}; progress goes to stderr.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from launch import lifecycle
from launch.cache import kept, key_of
from launch.progress import Say, step, to_stderr
from launch.stack import builder, debian, layer, pack, recipe, write
from minato.children import regproxy
from minato.drivers.engine import Engine
from minato.drivers.registry import Registry
from minato.drivers.wiring import drivers
from minato.errors import MinatoError
from minato.values.build import Stack
from minato.values.config import Config
from minato.values.engine import Container, Limits, Mount

RUN, BUILD = "run-python", "build"
SOCKET = "/run/registry"


def ensure(config: Config, registry: Registry, say: Say) -> Stack:
    """Return the stack as the registry has it, after building and pushing what is missing."""
    wanted = recipe.load(config.root / "stacks" / "trixie.toml")
    layers = debian_layers(config, wanted, say)
    top = builder_layer(config, wanted, say)
    pushed = {}
    with step(say, "images in the registry"):
        for name, image in wanted.images.items():
            chain = [layers[below] for below in wanted.chain(image.layer)]
            told = write.image_config(wanted, wanted.accounts[image.user], chain, workdir="/", builds=name == BUILD)
            pushed[name] = write.push(registry, f"{config.registry}/{name}:{image.tag}", chain, told)
        chain = [*(layers[below] for below in wanted.chain(wanted.images[BUILD].layer)), top]
        told = write.image_config(wanted, wanted.accounts["build"], chain, workdir="/layers", builds=True)
        made = write.push(registry, f"{config.registry}/builder:{wanted.suite}", chain, told)
    run_name = f"{config.registry}/{RUN}:{wanted.images[RUN].tag}"
    return Stack(name=wanted.name, builder=made, run=pushed[RUN], run_name=run_name)


def debian_layers(config: Config, wanted: recipe.Recipe, say: Say) -> dict[str, pack.Layer]:
    """Return the recipe's layers, from the cache or after about 40 s of mmdebstrap and apt."""
    code = [Path(module.__file__ or "") for module in (debian, layer, pack)]
    key = key_of([config.root / "stacks" / f"{wanted.suite}.toml", *code])
    folder = kept(config.cache, f"stack-{wanted.suite}", key, lambda part: debian.build(wanted, part, say))
    return {name: pack.saved(folder / f"{name}.tar.gz") for name in wanted.layers}


def builder_layer(config: Config, wanted: recipe.Recipe, say: Say) -> pack.Layer:
    """Return the layer with lifecycle, buildpacks and uv, from the cache or after about 2 s."""
    programs, uv, settings = lifecycle.binaries(config, say), lifecycle.uv(), builder.machine_settings()
    buildpacks = config.root / "buildpacks"
    code = [Path(module.__file__ or "") for module in (builder, pack)]
    inputs: list[bytes | Path] = [
        programs.name.encode(),
        buildpacks,
        uv,
        json.dumps(settings, sort_keys=True).encode(),
        *code,
    ]

    def make(folder: Path) -> None:
        with step(say, "the builder's own layer"):
            entries = builder.members(
                lifecycle=programs,
                buildpacks=buildpacks,
                uv=uv,
                settings=settings,
                account=wanted.accounts["build"],
                epoch=wanted.epoch,
            )
            pack.write_members(entries, folder / "builder.tar.gz")

    return pack.saved(kept(config.cache, "builder", key_of(inputs), make) / "builder.tar.gz")


def proxy(config: Config, image: str) -> Container:
    """Return the container through which the trusted half of a build reaches the registry, and nothing else."""
    program = Path(regproxy.__file__)
    argv = (
        "python3",
        "-IS",
        "/minato/regproxy.py",
        str(config.ports.registry),
        f"{SOCKET}/{config.registry_socket.name}",
    )
    return Container(
        name=f"{config.ns}-regproxy",
        image=image,
        command=argv,
        labels={"minato.ns": config.ns, "minato.role": "regproxy", "minato.version": key_of([program, image.encode()])},
        limits=Limits(memory=128 << 20, cpu=1.0, pids=32),
        user="1002:1000",
        mounts=(
            Mount(source=str(config.registry_socket.parent), target=SOCKET),
            Mount(source=str(program), target="/minato/regproxy.py", read_only=True),
        ),
        restart=True,
    )


def ensure_proxy(config: Config, engine: Engine, stack: Stack) -> None:
    """Start the proxy, or replace one of another version."""
    wanted = proxy(config, stack.run)
    role = {"minato.ns": config.ns, "minato.role": "regproxy"}
    for seen in engine.instances(role):
        if seen.labels.get("minato.version") != wanted.labels["minato.version"] or seen.state != "running":
            engine.remove_container(seen.container)
    engine.pull(stack.run)
    engine.start(wanted)


def main() -> int:
    """Ensure all of it and print the stack."""
    config = Config.from_env()
    tools = drivers(config)
    try:
        stack = ensure(config, tools.registry, to_stderr)
        with step(to_stderr, "builder on the node, registry proxy"):
            tools.engine.pull(stack.builder)
            ensure_proxy(config, tools.engine, stack)
    except MinatoError as error:
        for line in error.lines():
            to_stderr(f" !     {line}")
        return 1
    print(json.dumps(asdict(stack)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
