package natsbus

import "github.com/nats-io/nats.go"

// Conn gives tests the bus's connection.
func Conn(b *Bus) *nats.Conn { return b.conn }

// PinTTL is how long the server believes in an owner without a sign of life.
const PinTTL = pinTTL
