"""The templates for measurements: of production, and of sensors over time.

Times are seconds since 1970-01-01 00:00 UTC.
"""

from __future__ import annotations

from zarrpack.storage.datasetstorage.template_parts import array_part, field_part, group_part, template

__all__ = ["MANUFACTURING_BASIC", "SENSOR_BASIC"]

#: Products, what was measured while they were made, and of what they are.
MANUFACTURING_BASIC = template(
    "manufacturing",
    "Products with their quality, what sensors measured while they were made, and their materials",
    {
        "production": group_part(
            "product",
            "Products, one row each",
            {
                "product_id": array_part("product", "int64", "Number of the product"),
                "timestamp": array_part("product", "float64", "When the product was finished", units="s"),
                "quality_score": array_part("product", "float32", "Quality, 0 worst, 1 best", min_value=0, max_value=1),
                "cycle_time": array_part("product", "float32", "Time that making it took", units="s", min_value=0),
                "is_defective": array_part("product", "bool", "Whether it was rejected"),
            },
        ),
        "sensors": group_part(
            "reading",
            "Readings, one row for each moment",
            {
                "timestamp": array_part("reading", "float64", "When it was read", units="s"),
                "temperature": array_part("reading", "float32", "Temperature", units="°C", min_value=-273.15),
                "pressure": array_part("reading", "float32", "Absolute pressure", units="Pa", min_value=0),
                "vibration": array_part("reading axis", "float32", "Acceleration: x, y, z", units="m/s²"),
            },
        ),
        "materials": group_part(
            "material",
            "Materials, one row each",
            {
                "material_id": array_part("material", "int64", "Number of the material"),
                "composition": array_part(
                    "material element", "float32", "Share of each chemical element by mass", min_value=0, max_value=1
                ),
                "density": array_part("material", "float32", "Density", units="kg/m³", min_value=0),
                "hardness": array_part("material", "float32", "Vickers hardness", units="HV", min_value=0),
            },
        ),
    },
    {
        "size_batch": field_part("int64", "Products in the batch", min_value=0),
        "duration_batch": field_part("float32", "Time that the batch took, in seconds", min_value=0),
    },
    {
        "category": field_part("str", "Kind of product"),
        "material_type": field_part("str", "Main material"),
        "quality_label": field_part("int32", "Verdict on the batch", values=[0, 1], labels=["rejected", "accepted"]),
    },
)

#: Values over time, the sensors that gave them, and what happened.
SENSOR_BASIC = template(
    "sensor_data",
    "Time series with the sensors that measured them, and events",
    {
        "timeseries": group_part(
            "time",
            "Samples, one row for each value of each sensor",
            {
                "timestamp": array_part("time", "float64", "When the value was measured", units="s"),
                "value": array_part("time", "float32", "The value, in the unit of its sensor"),
                "sensor_index": array_part("time", "int32", "Row of its sensor in the file, from 0", min_value=0),
                "quality": array_part("time", "int8", "0 where the value is good, else the device's code"),
            },
        ),
        "sensors": group_part(
            "sensor",
            "Sensors, one row each",
            {
                "sensor_id": array_part("sensor", "str", "Name of the sensor"),
                "sensor_type": array_part("sensor", "str", "What it measures, such as temperature"),
                "unit": array_part("sensor", "str", "Unit of its values, such as K"),
                "sampling_rate": array_part("sensor", "float32", "Samples per second", units="Hz", min_value=0),
                "location": array_part("sensor dim", "float32", "Where it is: x, y, z", units="m"),
            },
        ),
        "events": group_part(
            "event",
            "Events, one row each",
            {
                "event_timestamp": array_part("event", "float64", "When it began", units="s"),
                "event_type": array_part("event", "int32", "Code of the kind of event"),
                "event_duration": array_part("event", "float32", "How long it lasted", units="s", min_value=0),
                "severity": array_part("event", "int32", "How grave it was, 0 least", min_value=0),
            },
        ),
    },
    {
        "duration_recording": field_part("float64", "Length of the recording, in seconds", min_value=0),
        "size_recording": field_part("int64", "Samples in the recording", min_value=0),
    },
    {
        "category": field_part("str", "Kind of recording"),
        "device_label": field_part("str", "Kind of device"),
    },
)
