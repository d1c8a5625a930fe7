package runner

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// errForged means that who sent an event did not get the order it speaks of.
var errForged = errors.New("/token is not that of the order")

// token proves that its bearer was given what it stands for by a server with the same key: an
// order, whose key only its worker then knows how to answer for, or the word of a server.
func (r *Runner) token(kind, id string) string {
	if len(r.Key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, r.Key)
	mac.Write([]byte(kind + "\x00" + id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// What tokens stand for.
const (
	orderToken = "order" // by the order's key
	wordToken  = "word"  // what servers tell each other about a job
)

// genuine checks that an event comes from whoever has the order, or from a server.
func (r *Runner) genuine(v value.Value) error {
	if len(r.Key) == 0 {
		return nil
	}
	job := v.Get("job").Text()
	kind, id := wordToken, job
	if strings.HasPrefix(v.Get("type").Text(), "Task") {
		iteration, _ := v.Get("iteration").Int()
		kind, id = orderToken, v.Get("key").Text()
		if id != engine.RunKey(job, v.Get("task").Text(), int(iteration)) {
			return errForged
		}
	}
	if !hmac.Equal([]byte(v.Get("token").Text()), []byte(r.token(kind, id))) {
		return errForged
	}
	return nil
}
