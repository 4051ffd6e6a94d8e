"""Which GPUs are meant."""

import pytest

from thalweg.config.gpus import ALL, GpuRequest, gpu_request


@pytest.mark.parametrize(
    "text,expected",
    [
        ("all", GpuRequest(ALL)),
        (" ALL ", GpuRequest(ALL)),
        (1, GpuRequest(1)),
        (4, GpuRequest(4)),
        ("2", GpuRequest(2)),
        ("count=3", GpuRequest(3)),
        ("count=all", GpuRequest(ALL)),
        ("device=0", GpuRequest(devices=("0",))),
        ("device=0,device=2", GpuRequest(devices=("0", "2"))),
        ("device=0,2", GpuRequest(devices=("0", "2"))),
        ('"device=0,2"', GpuRequest(devices=("0", "2"))),
        ("device=GPU-3faa8-219,device=1", GpuRequest(devices=("GPU-3faa8-219", "1"))),
        ("device=0, device=1", GpuRequest(devices=("0", "1"))),
        ("driver=nvidia", GpuRequest(ALL, driver="nvidia")),
        ("capabilities=utility", GpuRequest(ALL, capabilities=("gpu", "utility"))),
        ("capabilities=gpu,utility", GpuRequest(ALL, capabilities=("gpu", "utility"))),
        (
            "device=1,driver=nvidia,capabilities=utility,capabilities=compute",
            GpuRequest(devices=("1",), driver="nvidia", capabilities=("gpu", "utility", "compute")),
        ),
        (
            "count=2,capabilities=compute,display,driver=amd",
            GpuRequest(2, driver="amd", capabilities=("gpu", "compute", "display")),
        ),
    ],
)
def test_what_is_meant(text, expected):
    assert gpu_request(text) == expected


@pytest.mark.parametrize(
    "text", ["", "none", "gpu0", "device=", "=1", "devices=1", "0", 0, -1, True, False, "-1", "count=0"]
)
def test_what_means_nothing_is_refused(text):
    with pytest.raises(ValueError, match="gpus="):
        gpu_request(text)


@pytest.mark.parametrize(
    "text,why",
    [
        ("count=1,device=0", "both how many and which"),
        ("device=0,device=0", "twice"),
        ("count=1,count=2", "says twice"),
        ("driver=a,driver=b", "says twice"),
        ("count=some", "no number"),
    ],
)
def test_what_contradicts_itself_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        gpu_request(text)
