"""The pretended GPU catches each kind of mistake that it is there for, and lets pass what is right."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

Pretended = Callable[[str], AbstractContextManager[torch.device]]
KINDS = ("cuda", "mps")


@pytest.fixture(params=KINDS)
def gpu(request: pytest.FixtureRequest, pretended: Pretended) -> Iterator[torch.device]:
    with pretended(request.param) as device:
        yield device


def flat() -> Tensor:
    return torch.arange(6.0).reshape(2, 3) - 1


MIXTURES: dict[str, Callable[[Tensor, Tensor], object]] = {
    "a mask times an image": lambda here, cpu: here * (cpu > 0),
    "the other way round": lambda here, cpu: cpu * here,
    "an image of one value": lambda here, cpu: cpu + here.sum(),
    "in place": lambda here, cpu: here.add_(cpu),
    "into a CPU scalar": lambda here, cpu: cpu.sum().add_(here.sum()),
    "torch.where": lambda here, cpu: torch.where(cpu > 0, here, 0.0),
    "torch.cat": lambda here, cpu: torch.cat([here, cpu]),
    "a stack of scalars": lambda here, cpu: torch.stack([here.sum(), cpu.sum()]),
    "gather": lambda here, cpu: here.gather(0, cpu.long().clamp(0, 1)),
    "index_select": lambda here, cpu: here.index_select(0, torch.tensor([0])),
    "a CPU tensor by another's index": lambda here, cpu: cpu[(here > 0).nonzero()[:, 0]],
    "a CPU tensor by another's mask": lambda here, cpu: cpu[here > 0],
    "values put": lambda here, cpu: here.__setitem__(here > 0, cpu[cpu > 0]),
    "convolution": lambda here, cpu: conv2d(here[None, None], cpu[None, None]),
    "matrices": lambda here, cpu: here @ cpu.T,
    "allclose": lambda here, cpu: torch.allclose(here, cpu),
    "a network left behind": lambda here, cpu: nn.Linear(3, 3)(here),
    "a view": lambda here, cpu: here[:1] * cpu[:1],
    "new_zeros of another": lambda here, cpu: here + cpu.new_zeros(2, 3),
    "torch.zeros without a device": lambda here, cpu: here + torch.zeros(2, 3),
    "a spectrum": lambda here, cpu: torch.fft.rfft2(here) * torch.fft.rfft2(cpu),
}


@pytest.mark.parametrize("mixture", MIXTURES.values(), ids=MIXTURES)
def test_mixtures_are_refused(
    gpu: torch.device, mixture: Callable[[Tensor, Tensor], object]
) -> None:
    with pytest.raises(RuntimeError, match="same device"):
        mixture(flat().to(gpu), flat())


def test_a_mixture_in_the_gradient_is_refused(gpu: torch.device) -> None:
    class Masked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: object, gradient: Tensor) -> Tensor:
            return gradient * torch.ones(2, 3)

    x = flat().to(gpu).requires_grad_()
    with pytest.raises(RuntimeError, match="same device"):
        Masked.apply(x).sum().backward()


def test_what_pytorch_allows_is_allowed(gpu: torch.device) -> None:
    here, cpu = flat().to(gpu), flat()
    assert here.device == torch.zeros(1, device=gpu).device == gpu
    assert (here * cpu.sum()).device == gpu
    assert (cpu.sum() * here).device == gpu
    assert torch.where(here > 0, here, torch.tensor(0.0)).device == gpu
    assert here[(cpu > 0).nonzero()[:, 0]].device == gpu
    assert here[cpu > 0].tolist() == cpu[cpu > 0].tolist()
    here[cpu < 0] = 7.0
    assert cpu[here.argmax() % 2].tolist() == flat()[0].tolist()  # of no dimensions: a number
    cpu.copy_(here)
    here.copy_(cpu)
    assert cpu[0, 0] == 7
    assert cpu.device == here.cpu().device == here.to("cpu").device == torch.device("cpu")
    assert here.to(gpu) is here
    assert here.to(cpu).device == cpu.device
    assert cpu.to(here).device == gpu
    for made in (
        torch.rand_like(here),
        here.new_zeros(2),
        here.new_tensor([1.0]),
        torch.tensor([1, 2], device=gpu),
        torch.as_tensor(np.arange(3), device=here.device),
        torch.arange(3, device=str(gpu)),
        torch.fft.rfftfreq(4, device=gpu),
    ):
        assert made.device == gpu
    assert torch.tensor([1, 2], device=gpu).tolist() == [1, 2]
    assert float(here.new_tensor(3.0)) == int(torch.tensor(3, device=gpu)) == 3


def test_it_computes_as_the_cpu_does(gpu: torch.device) -> None:
    spectrum = torch.fft.rfft2(flat())
    there = torch.fft.rfft2(flat().to(gpu))
    for a, b in (
        (spectrum.conj() * spectrum, there.conj() * there),
        (spectrum.conj().imag, there.conj().imag),
        (torch.fft.irfft2(spectrum.conj(), s=(2, 3)), torch.fft.irfft2(there.conj(), s=(2, 3))),
    ):
        assert torch.equal(a, b.cpu())


def trained(device: torch.device | str) -> list[Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(), nn.Conv2d(4, 1, 1))
    x = torch.rand(2, 1, 8, 8).to(device)
    network.to(device)
    kept = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        (network(x).square().mean() + network(x).abs().amax()).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        optimizer.step()
    kept.load_state_dict(network.state_dict())
    return [weight.detach().cpu() for weight in kept.parameters()]


def test_a_network_trains(gpu: torch.device) -> None:
    for a, b in zip(trained(gpu), trained("cpu"), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("to_numpy", [Tensor.numpy, np.asarray, np.array, lambda t: np.sqrt(t)])
def test_numpy_is_refused(gpu: torch.device, to_numpy: Callable[[Tensor], object]) -> None:
    with pytest.raises(TypeError, match="to numpy"):
        to_numpy(flat().to(gpu))


def test_generators_must_be_of_the_device(gpu: torch.device) -> None:
    cpu, own = torch.Generator().manual_seed(0), torch.Generator(gpu).manual_seed(0)
    assert own.device == gpu
    assert (
        torch.rand(2, generator=own, device=gpu).tolist() == torch.rand(2, generator=cpu).tolist()
    )
    x = torch.full((3,), 0.5, device=gpu)
    for draw in (
        lambda: torch.rand(2, generator=cpu, device=gpu),
        lambda: torch.randint(3, (2,), generator=cpu, device=gpu),
        lambda: x.normal_(generator=cpu),
        lambda: torch.bernoulli(x, generator=cpu),
        lambda: torch.rand(2, generator=own),
        lambda: torch.randperm(4, generator=own),
    ):
        with pytest.raises(RuntimeError, match="device type for generator"):
            draw()


def test_an_apple_gpu_has_no_double_precision(pretended: Pretended) -> None:
    with pretended("cuda") as device:
        assert flat().to(device).double().dtype == torch.float64
    with pretended("mps") as device:
        here = flat().to(device)
        assert flat().double().to(device, torch.float32).dtype == torch.float32
        for made in (
            lambda: flat().double().to(device),
            lambda: here.double(),
            lambda: here.mean(dtype=torch.float64),
            lambda: torch.zeros(3, dtype=torch.float64, device=device),
            lambda: torch.as_tensor(np.ones(3), device=device),
        ):
            with pytest.raises(TypeError, match="float64"):
                made()


def test_kernels_that_a_device_lacks_are_missed(pretended: Pretended) -> None:
    # one that no version of PyTorch has for MPS so far; 2.14 has Poisson numbers
    with pretended("cuda") as device:
        assert torch.linalg.eigvals(torch.eye(3).to(device)).device == device
    with pretended("mps") as device:
        square = torch.eye(3).to(device)
        with pytest.raises(NotImplementedError, match=r"linalg_eig.* mps"):
            torch.linalg.eig(square)


def test_nothing_is_left_behind(pretended: Pretended) -> None:
    with pretended("cuda") as device:
        here = flat().to(device)
    assert torch.zeros(2).device == torch.Generator().device == torch.device("cpu")
    with pytest.raises(AssertionError, match="outside"):
        here + 1
