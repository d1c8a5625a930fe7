// Package receiver checks webhooks that other systems send: their signature, that they are new,
// and that they were not sent before. An instance of its kind is a webhook's address; what
// arrives there becomes a platform event, which event triggers and eventListenerJob tasks take.
package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
)

// App is the application of receivers. No task calls it.
const App = "WebhookReceiver"

// Config is the configuration of an instance.
type Config struct {
	Secret          string `json:"secret" secret:"true" doc:"the key that the sender signs with, by HMAC-SHA256"`
	Topic           string `json:"topic,omitempty" doc:"topic of the platform event, whose source is the name of the instance; received unless given"`
	SignatureHeader string `json:"signatureHeader,omitempty" doc:"header with the signature, in hexadecimal digits or base64, with or without sha256= before it; X-Heddle-Signature unless given"`
	Timestamp       string `json:"timestamp,omitempty" enum:"header,none" doc:"header: the time is signed, too, as TIME.BODY, and must be near; none: the body alone is signed, for senders that tell no time, such as GitHub"`
	TimestampHeader string `json:"timestampHeader,omitempty" doc:"header with the time, in seconds since 1970; X-Heddle-Timestamp unless given"`
	WindowSeconds   int    `json:"windowSeconds,omitempty" doc:"how far the time may be off; 300 unless given, 3600 at most"`
	IDHeader        string `json:"idHeader,omitempty" doc:"header that tells deliveries apart, for senders that sign the same body twice; what is signed tells them apart unless given"`
}

// Kind is the kind of receivers. It has no methods: the API serves its instances.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Takes signed webhooks of other systems as platform events, at /webhooks/NAME.",
		Config: adapters.SchemaOf[Config](),
	}
}

const (
	defaultWindow = 300
	maxWindow     = 3600
	// unsigned is how long deliveries without a time are remembered.
	unsigned = 24 * time.Hour
)

// ErrRefused is why a webhook is not taken. Senders are not told more.
var ErrRefused = errors.New("the webhook is refused")

// Delivery is a webhook that was sent by who it should be.
type Delivery struct {
	ID    string        // the same when it is sent again
	Valid time.Duration // how long it could be sent again with success, so that its ID must be remembered
	Topic string
}

// Verify checks a webhook. The error wraps ErrRefused and is for the log: it tells which check
// failed, and takes as long whichever it is.
func (c *Config) Verify(h http.Header, body []byte, now time.Time) (Delivery, error) {
	signed := body
	valid := unsigned
	var late error
	if c.Timestamp != "none" {
		window := defaultWindow
		if c.WindowSeconds > 0 {
			window = min(c.WindowSeconds, maxWindow)
		}
		text := h.Get(orDefault(c.TimestampHeader, "X-Heddle-Timestamp"))
		at, err := strconv.ParseInt(text, 10, 64)
		if away := now.Unix() - at; err != nil || away > int64(window) || away < -int64(window) {
			late = fmt.Errorf("%w: its time %.20q is not within %d seconds of now", ErrRefused, text, window)
		}
		signed = append([]byte(text+"."), body...)
		valid = 2 * time.Duration(window) * time.Second
	}
	mac := hmac.New(sha256.New, []byte(c.Secret))
	mac.Write(signed)
	want := mac.Sum(nil)
	switch got := signature(h.Get(orDefault(c.SignatureHeader, "X-Heddle-Signature"))); {
	case !hmac.Equal(got, want) || c.Secret == "":
		return Delivery{}, fmt.Errorf("%w: its signature does not fit", ErrRefused)
	case late != nil:
		return Delivery{}, late
	}
	id := hex.EncodeToString(want)
	if c.IDHeader != "" {
		if id = h.Get(c.IDHeader); id == "" || len(id) > 128 {
			return Delivery{}, fmt.Errorf("%w: its header %s must tell it apart, by up to 128 bytes", ErrRefused, c.IDHeader)
		}
	}
	return Delivery{ID: id, Valid: valid, Topic: orDefault(c.Topic, "received")}, nil
}

// signature reads hexadecimal digits or base64; nil for what is neither.
func signature(text string) []byte {
	text = strings.TrimPrefix(strings.TrimSpace(text), "sha256=")
	if data, err := hex.DecodeString(text); err == nil {
		return data
	}
	if data, err := base64.StdEncoding.DecodeString(text); err == nil {
		return data
	}
	return nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
