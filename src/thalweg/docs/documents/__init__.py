"""Documents for what there is often: text, pictures, sound, films, meshes, point clouds. Subclass them to add fields."""

from thalweg.docs.documents.audio import AudioDoc
from thalweg.docs.documents.creation import create_doc, create_doc_from_dict, create_doc_from_typeddict
from thalweg.docs.documents.image import ImageDoc
from thalweg.docs.documents.legacy import LegacyDocument
from thalweg.docs.documents.mesh import Mesh3D, VerticesAndFaces
from thalweg.docs.documents.point_cloud import PointCloud3D, PointsAndColors
from thalweg.docs.documents.text import TextDoc
from thalweg.docs.documents.video import VideoDoc

__all__ = [
    "AudioDoc",
    "ImageDoc",
    "LegacyDocument",
    "Mesh3D",
    "PointCloud3D",
    "PointsAndColors",
    "TextDoc",
    "VerticesAndFaces",
    "VideoDoc",
    "create_doc",
    "create_doc_from_dict",
    "create_doc_from_typeddict",
]
