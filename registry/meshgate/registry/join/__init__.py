"""The join port's messages: register, renew and deregister, as JSON and protobuf."""
