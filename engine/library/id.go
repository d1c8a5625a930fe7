package library

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

var (
	process [5]byte       // tells this process from others
	count   atomic.Uint32 // tells ids of the same second apart
)

func init() {
	var b [4]byte
	rand.Read(process[:])
	rand.Read(b[:])
	count.Store(binary.BigEndian.Uint32(b[:]))
}

// NewID makes an id of the form that jobs and projects have: 24 hexadecimal digits, made of
// the time in seconds, five bytes of the process and a count, as MongoDB's ObjectId is. Later
// ids are greater, so what is made together lies together in the store.
func NewID() string {
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], uint32(time.Now().Unix()))
	copy(b[4:], process[:])
	n := count.Add(1)
	b[9], b[10], b[11] = byte(n>>16), byte(n>>8), byte(n)
	return hex.EncodeToString(b[:])
}
