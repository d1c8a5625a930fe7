package webhook

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
)

// Scheme is how a signature is made and where it travels.
type Scheme string

// The schemes. All are HMAC with SHA-256.
const (
	Standard    Scheme = "standard"    // webhook-id, webhook-timestamp and webhook-signature over all three and the body, see standardwebhooks.com
	Timestamped Scheme = "timestamped" // X-Signature: t=<seconds>,v1=<hex> over <seconds>.<body>
	Body        Scheme = "body"        // X-Hub-Signature-256: sha256=<hex> over the body; it can be replayed
)

func (s Scheme) header() string {
	switch s {
	case Timestamped:
		return "X-Signature"
	case Body:
		return "X-Hub-Signature-256"
	}
	return "Webhook-Signature"
}

// keyOf is the key that a secret stands for.
func keyOf(secret string) ([]byte, error) {
	if secret == "" {
		return nil, errors.New("must not be empty")
	}
	text, coded := strings.CutPrefix(secret, "whsec_")
	if !coded {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("must be base64 after whsec_")
	}
	return key, nil
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(strings.Join(parts, "."))) // a hash does not fail
	return h.Sum(nil)
}

// Sign makes the headers that show a body to come from one who knows the secrets, once for each
// of them. Without secrets there is no signature, but still an identifier and the time.
func Sign(scheme Scheme, secrets []string, id string, at time.Time, body []byte) (http.Header, error) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	out := http.Header{}
	if scheme == Standard {
		out["Webhook-Id"], out["Webhook-Timestamp"] = []string{id}, []string{seconds}
	}
	var signatures []string
	for _, s := range secrets {
		key, err := keyOf(s)
		if err != nil {
			return nil, err
		}
		switch scheme {
		case Standard:
			signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac(key, id, seconds, string(body))))
		case Timestamped:
			signatures = append(signatures, "v1="+hex.EncodeToString(mac(key, seconds, string(body))))
		case Body:
			signatures = append(signatures, "sha256="+hex.EncodeToString(mac(key, string(body))))
		default:
			return nil, fmt.Errorf("there is no scheme %q", scheme)
		}
	}
	if len(signatures) == 0 {
		return out, nil
	}
	switch scheme {
	case Standard:
		out[scheme.header()] = []string{strings.Join(signatures, " ")}
	case Timestamped:
		out[scheme.header()] = []string{"t=" + seconds + "," + strings.Join(signatures, ",")}
	default:
		out[scheme.header()] = signatures[:1] // the scheme has room for one
	}
	return out, nil
}

// Errors of [Verify].
var (
	ErrSignature = errors.New("no signature fits")
	ErrTime      = errors.New("the call is too old or from the future")
)

// Verify checks the headers of a call that arrived against the secrets, any of which will do. The
// time it was made must be within window of now; who also remembers its identifier for
// so long is safe from replays. The scheme body has no time to check.
func Verify(scheme Scheme, secrets []string, header http.Header, now time.Time, window time.Duration, body []byte) error {
	given := header.Get(scheme.header())
	seconds, signatures := header.Get("Webhook-Timestamp"), strings.Fields(given)
	if scheme == Timestamped {
		signatures = strings.Split(given, ",")
		seconds = strings.TrimPrefix(signatures[0], "t=")
	}
	if scheme != Body {
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return ErrSignature
		}
		if age := now.Sub(time.Unix(n, 0)); age > window || age < -window {
			return ErrTime
		}
	}
	for _, s := range secrets {
		key, err := keyOf(s)
		if err != nil {
			return err
		}
		want := mac(key, string(body))
		switch scheme {
		case Standard:
			want = mac(key, header.Get("Webhook-Id"), seconds, string(body))
		case Timestamped:
			want = mac(key, seconds, string(body))
		}
		for _, g := range signatures {
			if hmac.Equal(decoded(g), want) {
				return nil
			}
		}
	}
	return ErrSignature
}

// decoded is the signature that a part of the header spells; one that is misspelled fits nothing.
func decoded(part string) []byte {
	read := hex.DecodeString
	text, standard := strings.CutPrefix(part, "v1,")
	if standard {
		read = base64.StdEncoding.DecodeString
	} else {
		_, text, _ = strings.Cut(part, "=")
	}
	data, err := read(text)
	if err != nil {
		return nil
	}
	return data
}
