"""The templates for CAD parts, whose faces, edges and face pairs are rows.

Lengths are in millimetres and angles in radians. Indices count from 0 within one file, also after a merge: a row's file is
told by ``file_id``. Points on a face or an edge are sampled evenly in its parameters.
"""

from __future__ import annotations

from zarrpack.storage.datasetstorage.special_processing import MATRIX_FLATTENING, NESTED_EDGES
from zarrpack.storage.datasetstorage.template_parts import array_part, field_part, group_part, template

__all__ = ["CAD_ADVANCED", "CAD_BASIC"]

_FACES = {
    "face_indices": array_part("face", "int32", "Index of the face in its file, from 0", min_value=0),
    "face_types": array_part("face", "int32", "Code of the kind of surface", min_value=0),
    "face_areas": array_part("face", "float32", "Area of the face", units="mm²", min_value=0),
    "face_centroids": array_part("face dim", "float32", "Centre of the face's area: x, y, z", units="mm"),
    "face_loops": array_part("face", "int32", "Closed boundaries of the face", min_value=0),
    "face_neighborscount": array_part("face", "int32", "Faces that share an edge with this one", min_value=0),
}

_FACE_SAMPLES = {
    "face_uv_grids": array_part(
        "face uv_x uv_y component",
        "float32",
        "Points on a grid over the face; 7 components: x, y, z in mm, unit normal x, y, z, and 1 inside the face, else 0",
    ),
    "face_discretization": array_part(
        "face sample component",
        "float32",
        "Points in the face; 7 components: x, y, z in mm, unit normal x, y, z, and 1 inside the face, else 0",
    ),
}

_EDGES = {
    "edge_indices": array_part("edge", "int32", "Index of the edge in its file, from 0", min_value=0),
    "edge_types": array_part("edge", "int32", "Code of the kind of curve", min_value=0),
    "edge_lengths": array_part("edge", "float32", "Length of the edge", units="mm", min_value=0),
    "edge_convexities": array_part("edge", "int32", "Code for convex, concave or smooth between the two faces"),
}

_EDGE_SAMPLES = {
    "edge_dihedral_angles": array_part("edge", "float32", "Angle between the two faces at the edge", units="rad"),
    "edge_u_grids": array_part(
        "edge u component",
        "float32",
        "Points along the edge; 6 components: x, y, z in mm and unit tangent x, y, z",
    ),
}

_GRAPH = group_part(
    "graph_edge",
    "Which faces are neighbours: a graph whose nodes are faces; nodes are indices within the file",
    {
        "edges_source": array_part("graph_edge", "int32", "Face at one end, by its index", min_value=0),
        "edges_destination": array_part("graph_edge", "int32", "Face at the other end, by its index", min_value=0),
        "num_nodes": array_part("graphitem", "int32", "Nodes of the file's graph, one value per file", min_value=0),
    },
    NESTED_EDGES,
)

_FACE_PAIRS = group_part(
    "facepair",
    "What holds between two faces of a file: files have one row and one column per face, merged are all pairs in rows",
    {
        "a3_distance": array_part(
            "facepair bin", "float32", "Histogram of angles of three points, 64 bins", min_value=0
        ),
        "d2_distance": array_part(
            "facepair bin", "float32", "Histogram of distances of two points, 64 bins", min_value=0
        ),
        "extended_adjacency": array_part(
            "facepair", "float32", "Edges to cross between the faces, inf where no way is"
        ),
        "face_pair_edges_path": array_part("facepair dim_path", "int32", "Edges on the way, at most 16, then -1"),
    },
    MATRIX_FLATTENING,
)

_FILE = group_part(
    "file",
    "What a file says of itself, one value per file",
    {
        "description": array_part("file", "str", "What the part is"),
        "num_faces": array_part("file", "int32", "Faces of the part", min_value=0),
        "num_edges": array_part("file", "int32", "Edges of the part", min_value=0),
    },
)

_PERFORMANCE = group_part(
    "file",
    "What encoding a file took, one value per file",
    {
        "duration_loading": array_part("file", "float32", "Time to read the part", units="s", min_value=0),
        "duration_encoding": array_part("file", "float32", "Time to compute the arrays", units="s", min_value=0),
        "size_encoded": array_part("file", "int64", "Size of the arrays before compression", units="B", min_value=0),
    },
)

_FIELDS = {
    "size_cadfile": field_part("int64", "Size of the CAD file, in bytes", min_value=0),
    "processing_time": field_part("float32", "Time that encoding took, in seconds", min_value=0),
    "flow_name": field_part("str", "The flow that encoded the file"),
}

_CATEGORIES = {
    "file_label": field_part("int32", "Class of the part"),
    "complexity_level": field_part("int32", "How complex the part is", values=[1, 2, 3, 4, 5]),
}

#: Faces, edges, their graph.
CAD_BASIC = template(
    "CAD_analysis",
    "Faces and edges of CAD parts, and the graph of neighbouring faces",
    {
        "faces": group_part("face", "Faces of the parts", _FACES),
        "edges": group_part("edge", "Edges of the parts", _EDGES),
        "graph": _GRAPH,
        "metadata": _FILE,
    },
    _FIELDS,
    _CATEGORIES,
)

#: The same with sampled points, pairs of faces, and what encoding took.
CAD_ADVANCED = template(
    "CAD_analysis",
    "Faces and edges of CAD parts with points sampled on them, the graph of neighbouring faces, and pairs of faces",
    {
        "faces": group_part("face", "Faces of the parts", _FACES | _FACE_SAMPLES),
        "edges": group_part("edge", "Edges of the parts", _EDGES | _EDGE_SAMPLES),
        "faceface": _FACE_PAIRS,
        "graph": _GRAPH,
        "performance": _PERFORMANCE,
    },
    _FIELDS,
    _CATEGORIES | {"material_type": field_part("str", "What the part is made of")},
)
