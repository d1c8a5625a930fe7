package natsbus

import "github.com/nats-io/nats.go"

// Conn gives tests the bus's connection.
func Conn(b *Bus) *nats.Conn { return b.conn }
