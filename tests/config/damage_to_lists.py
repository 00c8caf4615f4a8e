"""Damage to what lists rely on."""

from tests.config.planting import PLAIN, Damage

OF_LISTS = {
    "payments-reference-names-one": [
        Damage("UPDATE payments_payment SET reference = 'order 7' WHERE gateway = 'mock_success'"),
    ],
    "payments-id-tells-the-time": [
        Damage(
            f"""
            UPDATE payments_payment SET created_at = created_at {moved} WHERE id = {PLAIN}
            """
        )
        for moved in ("+ interval '61 seconds'", "- interval '6 seconds'")
    ],
}
