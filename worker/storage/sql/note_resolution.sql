INSERT INTO resolutions (
    phone_number, decided_at, command_source, command_id, resolution, decided_by, reason
)
VALUES (
    :phone_number, CAST(:decided_at AS timestamptz), :command_source, :command_id, :resolution,
    :decided_by, :reason
)
