/* The exported header on a Cortex-M: checks the bits of its self-test and of the ten digits, and ends with exit code 0 if they are right. */
#include "digits.h"
#include "images.h"

/* Semihosting: a debugger or an emulator does what the program asks. */
static void ask(int what, const void *how) {
    register int r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = how;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void say(const char *text) { ask(0x04, text); }

static volatile float sink;

int main(void) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t i, j;
    int ok;
    for (i = 0; i < 10; i++) {
        float x[DIGITS_INPUTS], y[DIGITS_OUTPUTS];
        for (j = 0; j < DIGITS_INPUTS; j++) x[j] = images[i][j];
        digits_predict(x, y);
        for (j = 0; j < 4 * DIGITS_OUTPUTS; j++)
            hash = (hash ^ (digits_bits(y[j / 4]) >> (8 * (j % 4)) & 0xff)) * UINT64_C(0x100000001b3);
        sink = y[0];
    }
    ok = digits_self_test() && hash == PREDICTIONS;
    say(ok ? "C: the same bits as everywhere\n" : "C: OTHER BITS\n");
    ask(0x18, (const void *)(ok ? 0x20026 : 0x20023));
    return !ok;
}
