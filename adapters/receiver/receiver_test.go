package receiver_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters/receiver"
)

func sign(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func TestConfig_Verify(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	const body = `{"a":1}`
	timed := hex.EncodeToString(sign("k", "1700000000."+body))
	plain := hex.EncodeToString(sign("k", body))
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for name, tc := range map[string]struct {
		config receiver.Config
		header http.Header
		body   string
		want   string // why it is refused; "" = it is not
	}{
		"signed":              {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700000000", "X-Heddle-Signature", timed), body, ""},
		"with a prefix":       {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700000000", "X-Heddle-Signature", "sha256="+timed), body, ""},
		"base64":              {receiver.Config{Secret: "k", SignatureHeader: "Sig", Timestamp: "none"}, header("Sig", base64.StdEncoding.EncodeToString(sign("k", body))), body, ""},
		"without a time":      {receiver.Config{Secret: "k", Timestamp: "none"}, header("X-Heddle-Signature", plain), body, ""},
		"no signature":        {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700000000"), body, "signature"},
		"another key":         {receiver.Config{Secret: "other"}, header("X-Heddle-Timestamp", "1700000000", "X-Heddle-Signature", timed), body, "signature"},
		"another body":        {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700000000", "X-Heddle-Signature", timed), body + " ", "signature"},
		"another time":        {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700000001", "X-Heddle-Signature", timed), body, "signature"},
		"time left out":       {receiver.Config{Secret: "k"}, header("X-Heddle-Signature", plain), body, "signature"},
		"old":                 {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1699999000", "X-Heddle-Signature", hex.EncodeToString(sign("k", "1699999000."+body))), body, "within 300 seconds"},
		"from the future":     {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "1700001000", "X-Heddle-Signature", hex.EncodeToString(sign("k", "1700001000."+body))), body, "within 300 seconds"},
		"no number":           {receiver.Config{Secret: "k"}, header("X-Heddle-Timestamp", "now", "X-Heddle-Signature", hex.EncodeToString(sign("k", "now."+body))), body, "within 300 seconds"},
		"no id":               {receiver.Config{Secret: "k", Timestamp: "none", IDHeader: "X-Id"}, header("X-Heddle-Signature", plain), body, "X-Id"},
		"no secret is no key": {receiver.Config{Timestamp: "none"}, header("X-Heddle-Signature", hex.EncodeToString(sign("", body))), body, "signature"},
	} {
		d, err := tc.config.Verify(tc.header, []byte(tc.body), now)
		switch {
		case tc.want == "" && (err != nil || d.ID == "" || d.Topic != "received" || d.Valid <= 0):
			t.Errorf("%s: %+v, %v", name, d, err)
		case tc.want != "" && (!errors.Is(err, receiver.ErrRefused) || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
