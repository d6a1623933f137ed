//! What every service needs: settings, telemetry, metrics, health, start and stop, clock.
