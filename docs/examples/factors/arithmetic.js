// The work itself: taking numbers apart, which is slow, and checking that it was done right, which is not.
//
// Knows numbers. Must not know tasks, files or calls.

'use strict';

const BETWEEN_LOOKS = 20_000; // divisors tried between two looks at the stop signal: about a millisecond
const LARGEST = 10n ** 30n;
// Enough bases for the test to be exact below 3.3 * 10^24, and far beyond any doubt up to LARGEST.
const BASES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n];

// Returns the prime factors of a number above 1 in ascending order, by trial division.
async function factorise(number, stop) {
  const found = [];
  let rest = number;
  let looks = 0;
  for (let divisor = 2n; divisor * divisor <= rest; divisor += divisor === 2n ? 1n : 2n) {
    while (rest % divisor === 0n) {
      found.push(divisor);
      rest /= divisor;
    }
    if (++looks % BETWEEN_LOOKS === 0) await stop.check();
  }
  if (rest > 1n) found.push(rest);
  return found;
}

function power(base, exponent, modulus) {
  let result = 1n;
  for (let square = base % modulus, left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

// The test of Miller and Rabin.
function isPrime(number) {
  if (number < 2n) return false;
  for (const base of BASES) if (number % base === 0n) return number === base;
  let odd = number - 1n;
  let halvings = 0;
  for (; (odd & 1n) === 0n; odd >>= 1n) halvings += 1;
  return BASES.every((base) => {
    let x = power(base, odd, number);
    if (x === 1n || x === number - 1n) return true;
    for (let round = 1; round < halvings; round += 1) {
      x = (x * x) % number;
      if (x === number - 1n) return true;
    }
    return false;
  });
}

// Says what is wrong with the factors claimed for a number; nothing when they are right.
function wrongWith(number, factors) {
  if (factors.reduce((product, factor) => product * factor, 1n) !== number) return `the factors of ${number} have another product`;
  const composite = factors.find((factor) => !isPrime(factor));
  if (composite !== undefined) return `${composite} is not prime`;
  if (factors.some((factor, index) => index > 0 && factor < factors[index - 1])) return `the factors of ${number} are not in order`;
  return '';
}

// Reads a text of whole numbers, one a line.
function readNumbers(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return lines.map((line) => {
    const number = /^\d{1,31}$/.test(line) ? BigInt(line) : 0n;
    if (number < 2n || number > LARGEST) throw new Error(`${line.slice(0, 40)} is not a whole number from 2 to 10^30`);
    return number;
  });
}

// Divisors tried a second, in thousands, from a run of fixed length.
async function benchmark(stop) {
  const begun = process.hrtime.bigint();
  const prime = 99_999_999_977n; // 158,113 odd divisors are tried until it is known to be one
  for (let round = 0; round < 5; round += 1) await factorise(prime, stop);
  return (5 * 158_113) / (Number(process.hrtime.bigint() - begun) / 1e6);
}

module.exports = { factorise, wrongWith, readNumbers, benchmark };
