"""The MQTT broker: a child process, who may enter it, what comes up and what goes down."""

from fleet_server.broker.broker import Broker
from fleet_server.broker.child import BrokerError, BrokerPlan, find_binary
from fleet_server.broker.uplink import NotDeliveredError, UplinkMessage

__all__ = ["Broker", "BrokerError", "BrokerPlan", "NotDeliveredError", "UplinkMessage", "find_binary"]
