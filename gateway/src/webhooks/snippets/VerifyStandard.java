// Verifies a Standard Webhooks signature: HMAC-SHA256 of `id.timestamp.body` in base64, after `v1,`.
// Java 17 or later and nothing else. The secret is the webhook's `standard_secret`, `whsec_…`, from WEBHOOK_SECRET.
//
//   WEBHOOK_SECRET=… java VerifyStandard.java "$WEBHOOK_ID" "$WEBHOOK_TIMESTAMP" "$WEBHOOK_SIGNATURE" < body.json

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public final class VerifyStandard {
    /** Older and newer messages are refused, so that nobody can send a recorded one again for ever. */
    static final long TOLERANCE_SECONDS = 300;

    /** Whether {@code signature} signs {@code body}: the raw bytes, and not JSON that was read and written again. */
    static boolean verify(byte[] body, String id, String timestamp, String signature, String secret)
            throws GeneralSecurityException {
        if (!timestamp.matches("[0-9]{1,12}")) {
            return false;
        }
        long age = System.currentTimeMillis() / 1000 - Long.parseLong(timestamp);
        if (Math.abs(age) > TOLERANCE_SECONDS) {
            return false;
        }
        byte[] key = Base64.getDecoder().decode(secret.substring("whsec_".length()));
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + timestamp + ".").getBytes(UTF_8));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(UTF_8);
        boolean isValid = false;
        // While a secret is being replaced there are two signatures, joined by a blank.
        for (String one : signature.split(" ")) {
            // In constant time.
            isValid |= MessageDigest.isEqual(expected, one.getBytes(UTF_8));
        }
        return isValid;
    }

    public static void main(String[] arguments) throws Exception {
        String secret = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
        if (!secret.startsWith("whsec_") || arguments.length != 3) {
            System.err.println("usage: WEBHOOK_SECRET=… java VerifyStandard.java ID TIMESTAMP SIGNATURE < BODY");
            System.exit(2);
        }
        byte[] body = System.in.readAllBytes();
        boolean isValid = verify(body, arguments[0], arguments[1], arguments[2], secret);
        System.out.println(isValid ? "valid" : "invalid");
        System.exit(isValid ? 0 : 1);
    }
}
