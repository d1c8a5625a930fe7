package system

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// keyID is where the key of orders stands among the settings.
const keyID = "orders"

// eventKey is the key that orders are signed with, the same for all servers on the store.
func eventKey(ctx context.Context, st store.Store) ([]byte, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	body := value.Object("key", value.String(hex.EncodeToString(key))).AppendJSON(nil)
	err := st.Commit(ctx, store.Batch{{Collection: store.Settings, ID: keyID, Expect: store.New, Body: body, Index: []any{nil}}})[0]
	if err == nil || !errors.Is(err, store.ErrConflict) {
		return key, err
	}
	doc, err := st.Get(ctx, store.Settings, keyID)
	if err != nil {
		return nil, err
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(v.Get("key").Text())
}
