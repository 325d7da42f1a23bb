// Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.
// The standard library alone. The secret is the webhook's `standard_secret`, `whsec_…`, from WEBHOOK_SECRET.
//
//	WEBHOOK_SECRET=… go run verify_standard.go "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Older and newer messages are refused, so that nobody can send a recorded one again for ever.
const toleranceSeconds = 300

// Verify tells whether signature signs body, which must be the raw bytes and not JSON that was read and written again.
func Verify(body []byte, id, timestamp, signature, secret string) bool {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	if now := time.Now().Unix(); at < now-toleranceSeconds || at > now+toleranceSeconds {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	isValid := false
	// While a secret is being replaced there are two signatures, joined by a blank.
	for _, one := range strings.Split(signature, " ") {
		if hmac.Equal(expected, []byte(one)) {
			isValid = true
		}
	}
	return isValid
}

func main() {
	secret := os.Getenv("WEBHOOK_SECRET")
	if !strings.HasPrefix(secret, "whsec_") || len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: WEBHOOK_SECRET=… go run verify_standard.go ID TIMESTAMP SIGNATURE < BODY")
		os.Exit(2)
	}
	body, err := io.ReadAll(os.Stdin)
	if err != nil || !Verify(body, os.Args[1], os.Args[2], os.Args[3], secret) {
		fmt.Println("invalid")
		os.Exit(1)
	}
	fmt.Println("valid")
}
